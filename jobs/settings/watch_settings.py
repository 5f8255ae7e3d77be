"""Section [watch]: when a day is unusual."""

from jobs.settings.section import Section


class WatchSettings(Section):
    reference_days: int
    min_rows: int
    weeks: int
    least_weeks: int
    z: float
    tolerance: float
    psi: float
    rejected_share: float
    catch_up_days: int

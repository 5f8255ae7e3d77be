"""Section [personas]: the parameters of the personas."""

from jobs.settings.section import Section


class PersonasSettings(Section):
    k_min: int
    k_max: int
    min_share: float
    winsor: float
    variance: float
    order_by: str
    iterations: int
    seed: int

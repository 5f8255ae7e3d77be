"""Section [maintenance]: how tables are kept."""

from jobs.settings.section import Section


class TableUpkeep(Section):
    """How one table is kept; what is not given is as for the other tables."""

    target_file_mb: float | None = None
    keep_hours: float | None = None
    log_days: float | None = None


class MaintenanceSettings(Section):
    target_file_mb: float
    keep_hours: float
    log_days: float
    exclude: tuple[str, ...]
    tables: dict[str, TableUpkeep]

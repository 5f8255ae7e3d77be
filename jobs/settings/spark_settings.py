"""Section [spark]: the session that this project starts."""

from jobs.settings.section import Section


class SparkSettings(Section):
    master: str
    driver_memory: str
    shuffle_partitions: int
    ui: bool

"""Section [kafka]: where events come from."""

from jobs.settings.section import Section


class KafkaSettings(Section):
    bootstrap: str
    topic: str
    partitions: int
    max_offsets_per_trigger: int
    connect_seconds: int

"""Section [kafka]: where events come from."""

from typing import Literal

from jobs.settings.section import Section


class KafkaSettings(Section):
    bootstrap: str
    topic: str
    partitions: int
    max_offsets_per_trigger: int
    connect_seconds: int
    isolation_level: Literal["read_committed", "read_uncommitted"]
    recreated_topic: Literal["read", "refuse"]

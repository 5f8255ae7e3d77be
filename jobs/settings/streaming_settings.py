"""Section [streaming]: the pace of the streams."""

from jobs.settings.section import Section


class StreamingSettings(Section):
    trigger_seconds: int
    max_bytes_per_trigger: str
    late_hours: int
    health_host: str
    health_port: int

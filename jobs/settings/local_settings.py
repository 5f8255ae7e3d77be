"""Section [local]: a laptop's ports and seed."""

from jobs.settings.section import Section


class LocalSettings(Section):
    broker_port: int
    controller_port: int
    redis_port: int
    broker_heap_mb: int
    airflow_port: int
    seed: int

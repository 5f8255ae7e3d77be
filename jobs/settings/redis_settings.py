"""Section [redis]: where the shop's pages read."""

from jobs.settings.section import Section


class RedisSettings(Section):
    url: str
    prefix: str
    ttl_days: float
    batch: int
    allow_eviction: bool

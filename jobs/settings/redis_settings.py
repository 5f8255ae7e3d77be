"""Section [redis]: where the shop's pages read."""

from urllib.parse import urlsplit

from jobs.settings.section import Section


class RedisSettings(Section):
    url: str
    prefix: str
    ttl_days: float
    batch: int
    allow_eviction: bool

    @property
    def address(self) -> str:
        """The address without a login."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or 6379}"

"""Section [redis]: where the shop's pages read."""

from jobs.settings.addresses import address_of
from jobs.settings.section import MayHoldPassword, Section

PORT = 6379


class RedisSettings(Section):
    url: MayHoldPassword
    prefix: str
    ttl_days: float
    batch: int
    allow_eviction: bool

    @property
    def address(self) -> str:
        """Host and port, or the socket; without a login."""
        address = address_of(self.url)
        if address is None:
            return "an address that cannot be told"
        return f"{address.host}:{address.port or PORT}" if address.host else address.shown.removeprefix("unix://")

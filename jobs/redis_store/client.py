"""Reaching Redis, and whether it is one that keeps what it is given."""

import logging
from typing import Any

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from jobs.errors import OperatorError
from jobs.redis_store.faults import RedisFault, redis_faults
from jobs.settings.redis_settings import RedisSettings

SECONDS_A_DAY = 86_400

log = logging.getLogger(__name__)


def connect(settings: RedisSettings, tries: int = 4, timeout_seconds: float = 10) -> Redis:
    """A client that tries again, with backoff and jitter, when a connection breaks. Nothing is asked yet.

    Raises RedisFault for options behind the `?` of redis.url that redis-py does not take.
    """
    try:
        client = Redis.from_url(
            settings.url,
            decode_responses=True,
            socket_connect_timeout=timeout_seconds / 2,
            socket_timeout=timeout_seconds,
            retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=2), tries - 1),
        )
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (TypeError, ValueError):
        raise RedisFault(
            "the setting redis.url has options behind its ? that are not understood: mend LAKEHOUSE_REDIS__URL by what"
            " redis-py says of Redis.from_url"
        ) from None
    return client


def require(client: Redis, settings: RedisSettings) -> None:
    """Raises OperatorError unless Redis answers."""
    with redis_faults(settings):
        client.ping()


def require_lasting(client: Redis, settings: RedisSettings) -> None:
    """Raises OperatorError unless Redis answers, and also where it may evict keys that never expire: the pointer, and
    who denied. With redis.allow_eviction that is a warning."""
    with redis_faults(settings):
        memory: Any = client.info("memory")
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if not policy.startswith("allkeys"):
        return
    warning = (
        f"Redis at {settings.address} may evict any key (maxmemory-policy {policy}), also the pointer that pages follow"
        " and who denied personalisation"
    )
    if not settings.allow_eviction:
        raise OperatorError(
            f"{warning}: set it to noeviction or volatile-ttl, or take it as it is with redis.allow_eviction = true"
        )
    log.warning("%s", warning)


def seconds_to_live(settings: RedisSettings) -> int:
    """How long what belongs to a version lives."""
    return round(settings.ttl_days * SECONDS_A_DAY)

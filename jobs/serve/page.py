"""What a shop's page reads: one person's lists from Redis, in one round trip, and the pointer it follows."""

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from jobs.errors import OperatorError
from jobs.settings.redis_settings import RedisSettings

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Item:
    """One recommended item: `price` is the median paid for one, None when nobody bought it."""

    slot: str
    item_id: str
    name: str | None
    price: float | None
    reason: str


@dataclass(frozen=True)
class Page:
    """`whose`: person:<id>, segment:<id> or segment:everyone, the first that has a list; the last for who refused."""

    version: str
    whose: str
    items: tuple[Item, ...]


def recommended(settings: RedisSettings, person_id: str, segment_id: str = "") -> Page:
    """What a page shows this person. Raises OperatorError when Redis is away or nothing is published."""
    client = connect(settings)
    require(client, settings)
    script = (resources.files("jobs") / "publish" / "page.lua").read_text(encoding="utf-8")
    answer: Any = client.eval(script, 0, settings.prefix, person_id, segment_id)
    if answer is None:
        raise OperatorError(
            f"Redis at {_shown(settings)} holds no version yet; run: lakehouse run publish.recommendations"
        )
    version, whose, lists, ids, labels = answer
    label_of = {item: json.loads(label) if label else {} for item, label in zip(ids, labels, strict=True)}
    items = [
        Item(slot, item, label_of[item].get("name"), label_of[item].get("price"), reason)
        for slot, listed in json.loads(lists).items()
        for item, reason in listed
    ]
    return Page(version, whose, tuple(items))


def connect(settings: RedisSettings) -> "Redis":
    """A client that tries again, with backoff and jitter, when a connection breaks."""
    return Redis.from_url(
        settings.url,
        decode_responses=True,
        socket_connect_timeout=5,
        socket_timeout=10,
        retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=2), 3),
    )


def require(client: "Redis", settings: RedisSettings) -> None:
    """Raises OperatorError unless Redis answers."""
    try:
        client.ping()
    except RedisError as error:
        raise OperatorError(
            f"no Redis answers at {_shown(settings)} (setting redis.url): {error!s:.100}; start one with: lakehouse up"
        ) from None


def flip(client: "Redis", settings: RedisSettings, version: str) -> None:
    """Makes `version` the one that pages read; the one before stays for a rollback."""
    pointer = f"{settings.prefix}:current"
    before = client.get(pointer)
    with client.pipeline(transaction=True) as pipeline:
        if before and before != version:
            pipeline.set(f"{settings.prefix}:previous", before)
        pipeline.set(pointer, version)
        pipeline.execute()


def is_suppressed(client: "Redis", settings: RedisSettings, person_id: str) -> bool:
    """Whether the person denied personalisation, as live.consents heard."""
    return bool(client.sismember(f"{settings.prefix}:suppressed", person_id))


def seconds_to_live(settings: RedisSettings) -> int:
    return round(settings.ttl_days * SECONDS_A_DAY)


def _shown(settings: RedisSettings) -> str:
    """The address without a password."""
    parts = urlsplit(settings.url)
    return f"{parts.hostname}:{parts.port or 6379}"

"""How far each target of hooks is, and which changes it was not told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from jobs.hooks.targets import target_names
from jobs.redis_store import hooks as store
from jobs.redis_store.client import connect
from jobs.redis_store.faults import redis_faults
from jobs.redis_store.hooks import DeadLetter
from jobs.redis_store.keys import Keys
from jobs.settings.loading import Settings


@dataclass(frozen=True)
class HookStatus:
    """One target. `segments`: those that it is told of; empty: all. `told`, `overtaken`, `lost`: changes since it was
    begun; `waiting`: those to come; `dead_letters`: those that can be replayed. `failing_since`: None where it takes
    what it is told, and then `reason` is empty."""

    target: str
    segments: tuple[str, ...]
    is_begun: bool
    told: int
    waiting: int
    dead_letters: int
    overtaken: int
    lost: int
    failing_since: datetime | None
    reason: str


def statuses(settings: Settings) -> list[HookStatus]:
    """Raises OperatorError where nobody is told, or Redis does not answer."""
    names = target_names(settings)
    with _redis(settings) as (client, keys):
        return [_status(client, keys, settings, name) for name in names]


def letters(settings: Settings, target: str = "") -> Iterator[tuple[str, DeadLetter]]:
    """The dead letters of one target, or of each: its name and the letter, the oldest of each target first. Raises
    OperatorError as `statuses` does, and for a target that is none."""
    names = target_names(settings, target)
    with _redis(settings) as (client, keys):
        for name in names:
            for letter in store.dead_letters(client, keys, name):
                yield name, letter


def _status(client: Redis, keys: Keys, settings: Settings, name: str) -> HookStatus:
    webhook = settings.hooks.webhooks.get(name)
    segments, dead = webhook.segments if webhook else (), store.dead_count(client, keys, name)
    at = store.standing(client, keys, name)
    if at is None:
        return HookStatus(name, segments, False, 0, 0, dead, 0, 0, None, "")
    since = at.failing_since
    return HookStatus(name, segments, True, at.told, at.waiting, dead, at.overtaken, at.lost, since, at.reason)


@contextmanager
def _redis(settings: Settings) -> Iterator[tuple[Redis, Keys]]:
    with redis_faults(settings.redis):
        yield connect(settings.redis), Keys(settings.redis.prefix)

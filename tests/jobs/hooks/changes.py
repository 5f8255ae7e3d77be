"""Changes of segments written into a real Redis as live.segments writes them, and settings that tell of them."""

import base64
import time
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import SecretStr
from redis import Redis

from jobs.redis_store import hooks as store
from jobs.redis_store.keys import Keys
from jobs.redis_store.live_segments import Change, Known, Update, update_segments
from jobs.settings.hooks_settings import WebhookSettings
from jobs.settings.loading import Settings, load
from jobs.settings.redis_settings import RedisSettings
from tests.jobs.hooks.receiver import SECRET, Receiver
from tests.redis_server import RedisServer

KEYS = Keys("rec")
VARIABLE = "TEST_HOOK_SECRET"
QUICK = {
    "timeout_seconds": 0.3,
    "tries": 4,
    "first_pause_seconds": 0.02,
    "longest_pause_seconds": 0.1,
    "give_up_hours": 24.0,
    "connections": 4,
}
WAIT_SECONDS = 60.0


def secret_text(secret: bytes = SECRET) -> str:
    return base64.b64encode(secret).decode()


def webhook(url: str, *segments: str, secrets: tuple[str, ...] = (VARIABLE,)) -> WebhookSettings:
    return WebhookSettings(url=SecretStr(url), secrets=secrets, segments=segments)


def settings_with(redis: RedisSettings, webhooks: dict[str, WebhookSettings], **hooks: Any) -> Settings:
    """Those of a laptop, with this Redis and quick hooks."""
    settings = load("local")
    changed = settings.hooks.model_copy(update={**QUICK, "webhooks": webhooks, **hooks})
    return settings.model_copy(update={"redis": redis, "hooks": changed})


def write(client: Redis, person: str, enter: Iterable[str] = (), leave: Iterable[str] = (), keys: Keys = KEYS) -> None:
    """The person leaves and enters these."""
    version: Any = client.hget(keys.tag + ":versions", person)
    former: Any = client.hgetall(keys.segments(person))
    left = [Change(name, "leave", "expiry") for name in leave]
    entered = [Change(name, "enter", "event") for name in enter]
    segments = {name: int(at) for name, at in former.items() if name not in {*leave}}
    segments |= dict.fromkeys(enter, 1)
    known = Known(person, version or "0", {}, {}, {})
    assert not update_segments(client, keys, [Update(known, None, {}, segments, [*left, *entered])])


def written(client: Redis, keys: Keys = KEYS) -> dict[str, tuple[str, str, str]]:
    """Each change by its id: person, segment, kind."""
    rows: Any = client.xrange(keys.segment_changes)
    return {id_: (one["person"], one["segment"], one["kind"]) for id_, one in rows}


def until(holds: Callable[[], object], what: str) -> None:
    ends = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < ends, what
        time.sleep(0.02)


def told_to(server: RedisServer, receiver: Receiver, *segments: str, **hooks: Any) -> Settings:
    return settings_with(server.settings(), {"mailer": webhook(receiver.url, *segments)}, **hooks)


def standing(client: Redis, target: str = "mailer") -> store.Standing:
    at = store.standing(client, KEYS, target)
    assert at is not None
    return at


def letters(client: Redis, target: str = "mailer") -> dict[str, str]:
    """The reason by the change's id."""
    return {one.change.id: one.reason for one in store.dead_letters(client, KEYS, target)}


def has_state() -> bool:
    return True

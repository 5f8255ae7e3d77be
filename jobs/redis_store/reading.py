"""What the shop's pages read, and what was published: from Redis as values."""

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from redis import Redis

from jobs.redis_store.keys import Keys


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


def page(client: Redis, keys: Keys, person_id: str, segment_id: str) -> Page | None:
    """What a page shows this person, in one round trip; None where nothing is published."""
    answer: Any = client.eval(script("page"), 1, keys.current, keys.tag, person_id, segment_id)
    if answer is None:
        return None
    version, whose, lists, ids, labels = answer
    label_of = {item: json.loads(label) if label else {} for item, label in zip(ids, labels, strict=True)}
    items = [
        Item(slot, item, label_of[item].get("name"), label_of[item].get("price"), reason)
        for slot, listed in json.loads(lists).items()
        for item, reason in listed
    ]
    return Page(version, whose, tuple(items))


def current_version(client: Redis, keys: Keys) -> str | None:
    version: Any = client.get(keys.current)
    return None if version is None else str(version)


def manifest(client: Redis, keys: Keys, version: str) -> dict[str, Any]:
    """What was published as that version; empty where it has expired."""
    text: Any = client.get(keys.of_version(version, "manifest"))
    return dict(json.loads(text)) if text else {}


def is_suppressed(client: Redis, keys: Keys, person_id: str) -> bool:
    """Whether the person denied personalisation, as live.consents heard."""
    return bool(client.sismember(keys.suppressed, person_id))


def script(name: str) -> str:
    """The text of a Lua script of this folder."""
    return (resources.files("jobs") / "redis_store" / f"{name}.lua").read_text(encoding="utf-8")

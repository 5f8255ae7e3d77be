"""What the shop's pages read, and what was published: from Redis as values."""

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from redis import Redis

from jobs.redis_store.keys import Keys


@dataclass(frozen=True)
class Item:
    """One recommended item: `price` is what the catalogue says, else the median paid for one, None where neither is
    known. `reason`: a key, and `reason_values` what its text needs, by name."""

    slot: str
    item_id: str
    title: str | None
    price: float | None
    currency: str | None
    reason: str
    reason_values: dict[str, str]


@dataclass(frozen=True)
class Page:
    """`whose`: person:<id>, segment:<id> or segment:everyone, the first that has a list; the last for who refused."""

    version: str
    whose: str
    items: tuple[Item, ...]


def page(client: Redis, keys: Keys, person_id: str, segment_id: str) -> Page | None:
    """What a page shows a visitor by any identifier of theirs, in one round trip; None where nothing is published."""
    answer: Any = client.eval(script("page"), 1, keys.current, keys.tag, person_id, segment_id)
    if answer is None:
        return None
    version, whose, lists, ids, labels = answer
    label_of = {item: json.loads(label) if label else {} for item, label in zip(ids, labels, strict=True)}
    items = [_item(slot, label_of[entry[0]], *entry) for slot, listed in json.loads(lists).items() for entry in listed]
    return Page(version, whose, tuple(items))


def _item(slot: str, label: dict[str, Any], item: str, reason: str, *values: str) -> Item:
    title, price, currency = map(label.get, ("title", "price", "currency"))
    return Item(slot, item, title, price, currency, reason, dict(zip(values[::2], values[1::2], strict=True)))


def current_version(client: Redis, keys: Keys) -> str | None:
    version: Any = client.get(keys.current)
    return None if version is None else str(version)


def manifest(client: Redis, keys: Keys, version: str) -> dict[str, Any]:
    """What was published as that version; empty where it has expired."""
    text: Any = client.get(keys.of_version(version, "manifest"))
    return dict(json.loads(text)) if text else {}


def is_suppressed(client: Redis, keys: Keys, person_id: str) -> bool:
    """Whether the person denied personalisation, as live.consents heard; or whoever is known by that name now."""
    return bool(client.sismember(keys.suppressed, person_of(client, keys, person_id)))


def person_of(client: Redis, keys: Keys, person_id: str) -> str:
    """To whom an identifier belongs, written as a person of its own (900, anonymous_id:a-77)."""
    other: Any = client.hget(keys.alias, person_id)
    return person_id if other is None else str(other)


def script(name: str) -> str:
    """The text of a Lua script of this folder."""
    return (resources.files("jobs") / "redis_store" / f"{name}.lua").read_text(encoding="utf-8")

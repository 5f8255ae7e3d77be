"""Invented people in every field of every message, and a search that finds them wherever they were written."""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
from redis import Redis

from expectations.contract import committed_contract
from expectations.identifiers import direct
from expectations.nodes import Object
from tests.events import PAYLOADS, event

# Each planted identifier carries a mark that nothing else has, so that one search finds them all.
MARKS = re.compile(
    rb"qx7ab9|(?<!\d)(?:48)?601[ -]?770[ -]?\d{3}(?!\d)|203\.0\.113\.[1-9]|1907-03-\d\d"
    rb"|4111[ -]?1177[ -]?\d{4}[ -]?\d{4}",
    re.IGNORECASE,
)


def email(rng: Random) -> str:
    local, domain = rng.choice(("Anna", "jan.k", "o-x_1")), rng.choice(("Qx7ab9.example", "mail.qx7ab9.pl"))
    return f"{local}{rng.randrange(10**6)}@{domain}"


def phone(rng: Random) -> str:
    number = f"{rng.randrange(1_000):03d}"
    return rng.choice(("+48601770{}", "+48 601 770 {}", "+48 601-770-{}")).format(number)


def card(rng: Random) -> str:
    start = f"41111177{rng.randrange(10**7):07d}"
    doubled = [sum(divmod(2 * int(digit), 10)) if place % 2 == 0 else int(digit) for place, digit in enumerate(start)]
    whole = f"{start}{-sum(doubled) % 10}"
    return rng.choice((whole, " ".join(whole[place : place + 4] for place in range(0, 16, 4))))


def name(rng: Random) -> str:
    return f"{rng.choice(('Zofia', 'Łukasz', 'Seán'))} Qx7ab9{rng.choice(('owski', 'ska', ''))} {rng.randrange(10**6)}"


OF_KIND: dict[str, Callable[[Random], str]] = {
    "email": email,
    "phone": phone,
    "ip": lambda rng: f"203.0.113.{rng.randrange(1, 255)}",
    "birth_date": lambda rng: f"1907-03-{rng.randrange(1, 31):02d}",
}
IN_WORDS = ("call me: {}", "{}, please", "x?q={}&y=1", "({})")


def planted(rng: Random) -> list[bytes]:
    """Messages with an identifier in every field of every event type: whole, cut short, glued together, in words."""
    messages: list[bytes] = []

    def put(whole: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
        changed = json.loads(json.dumps(whole))
        at = changed
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        changed["event_id"] = changed["event_id"] if path == ("event_id",) else f"e-{len(messages)}"
        text = json.dumps(changed, ensure_ascii=rng.random() < 0.5)
        messages.extend([text.encode(), text[: -rng.randrange(1, 5)].encode(), (text + text).encode()])

    for event_type in PAYLOADS:
        whole = event(event_type, context={"page": "/"})
        contract = committed_contract()
        fields = [(field,) for field in contract.envelope.names if field not in ("payload", "context")]
        fields += [("payload", field) for field in contract.of_type(event_type)[1].payload.names]
        context = contract.envelope.field("context").node
        assert isinstance(context, Object)
        fields += [("context", field) for field in context.names]
        fields += [("payload", "unknown"), ("context", "unknown"), ("unknown",)]
        for path in fields:
            for invented in (email, phone):
                put(whole, path, invented(rng))
        for field, kind in direct().items():
            for holder in ((), ("payload",), ("context",)):
                put(whole, (*holder, field), OF_KIND.get(kind, name)(rng))
            put(whole, ("payload", "deep"), [{"er": {field.upper(): [OF_KIND.get(kind, name)(rng)]}}])
    for words in IN_WORDS:
        for invented in (email, phone, card):
            put(event("search"), ("payload", "query"), words.format(invented(rng)))
            put(event("rating"), ("payload", "text"), words.format(invented(rng)))
            put(event("profile_update"), ("payload", "attributes"), {"note": words.format(invented(rng))})
    messages += [f"{email(rng)} {name(rng)}".encode() for _ in range(50)]
    messages += [f"\xff{name(rng)} {phone(rng)}".encode("latin-1", "replace") for _ in range(50)]
    return messages


def found_in(folder: Path, without: tuple[str, ...] = (), marks: re.Pattern[bytes] = MARKS) -> list[str]:
    """Where under the folder a mark stands, as `file: what`, in files as they are and decompressed."""
    places = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not any(part in without for part in file.relative_to(folder).parts):
            places += [f"{file}: {mark.decode()}" for text in _texts(file) for mark in marks.findall(text)[:1]]
    return places


def found_in_redis(client: Redis, marks: re.Pattern[bytes] = MARKS) -> list[str]:
    """The keys that a mark stands in, or in whose value."""
    read: dict[str, Callable[[str], Any]] = {
        "string": client.get,
        "hash": client.hgetall,
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1),
        "stream": client.xrange,
    }
    return [key for key in client.scan_iter() if marks.search(f"{key} {read[client.type(key)](key)}".encode())]


def _texts(file: Path) -> Iterator[bytes]:
    raw = file.read_bytes()
    yield raw
    if raw[:4] == b"PAR1":
        table = pq.ParquetFile(file).read()
        yield b"\n".join(repr(column.to_pylist()).encode() for column in table.columns)
    elif raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)
    elif raw[:1] == b"\x78":
        try:
            yield zlib.decompress(raw)
        except zlib.error:
            return

"""Messages that stop a careless stream: what each is, and what must become of it."""

import json
from dataclasses import dataclass
from typing import Any

from tests.events import event

MIB = 1 << 20


@dataclass(frozen=True)
class Poison:
    """`reason`: text of the reason that it is quarantined for; empty when it is kept."""

    name: str
    value: bytes | None
    reason: str = ""
    key: bytes | None = None


def text(event_id: str, **fields: Any) -> bytes:
    return json.dumps(event(event_id=event_id, **fields), ensure_ascii=False).encode()


def spelled(event_id: str, what: str, instead: str) -> bytes:
    """An event with a part of its text replaced by what a JSON library would not write."""
    whole = text(event_id).decode()
    assert what in whole
    return whole.replace(what, instead).encode("utf-8", "surrogatepass")


def padded(event_id: str, size: int) -> bytes:
    """A purchase of `size` bytes."""
    whole = text(event_id, event_type="purchase", payload={"order_id": "1", "lines": [], "note": ""})
    return whole.replace(b'"note": ""', b'"note": "' + b"x" * (size - len(whole)) + b'"')


def lines(event_id: str, many: int) -> bytes:
    line = {"item_id": "1", "quantity": 1, "amount": 1}
    return text(event_id, event_type="purchase", payload={"order_id": "1", "lines": [line] * many})


NOT_JSON = "message: not JSON"
POISON = [
    Poison("not UTF-8", b'{"event_id":"\xff\xfe"}', NOT_JSON),
    Poison("a key that is not UTF-8", text("key"), NOT_JSON, key=b"\xff\xfe"),
    Poison("no value", None, NOT_JSON),
    Poison("an empty value", b"", NOT_JSON),
    Poison("blanks", b"  \n", NOT_JSON),
    Poison("cut short", text("cut")[:-7], NOT_JSON),
    Poison("two in one", text("two") + text("two"), NOT_JSON),
    Poison("an array", b"[1,2]", NOT_JSON),
    Poison("10,000 deep", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, NOT_JSON),
    Poison("10,000 deep in brackets", b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", NOT_JSON),
    Poison(
        "one key twice", spelled("twice", '"user_id"', '"event_type": "search", "user_id"'), "payload.query: missing"
    ),
    Poison("NaN", spelled("nan", '"payload": {', '"payload": {"price": NaN, '), NOT_JSON),
    Poison("Infinity", spelled("inf", '"payload": {', '"payload": {"price": -Infinity, '), NOT_JSON),
    Poison("past a double", spelled("huge", '"price": 1.5', '"price": 1e999'), "payload.price"),
    Poison(
        "past 64 bits", spelled("64", '"schema_version": 1', '"schema_version": 18446744073709551617'), "schema_version"
    ),
    Poison(
        "an exponent of a million", spelled("1e6", '"schema_version": 1', '"schema_version": 1e1000000'), "schema_v"
    ),
    Poison("an exponent of twenty digits", spelled("e20", '"payload"', f'"seen": 1e{"9" * 20}, "payload"')),
    Poison(
        "a number as a string", spelled("str", '"schema_version": 1', '"schema_version": "1"'), "schema_version: string"
    ),
    Poison("a byte order mark", b"\xef\xbb\xbf" + text("bom"), NOT_JSON),
    Poison("a bare control character", spelled("ctl", '"user_id": "9"', '"user_id": "9\x01", "x@": 1'), NOT_JSON),
    Poison("a lone surrogate", spelled("half", '"user_id": "9"', '"user_id": "9\\ud800"')),
    Poison("a control character, escaped", spelled("esc", '"user_id": "9"', '"user_id": "9\\u0001"')),
    Poison("100,000 lines", lines("lines", 100_000), "message: over 256 KiB"),
    Poison("1,001 lines", lines("1001", 1_001), "payload.lines: more than 1000"),
    Poison("just under the broker's limit", padded("under", MIB - 200), "message: over 256 KiB"),
    Poison("8 MiB", padded("8mib", 8 * MIB), "message: over 256 KiB"),
    Poison("64 MiB that are small when compressed", b"0" * (64 * MIB), "message: "),
    Poison("key and body disagree", text("other", user_id="8"), key=b"7"),
    Poison("well", text("well")),
]

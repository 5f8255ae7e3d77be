"""What the demo's producer sends: one Kafka message before it has a partition."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

BROKEN_KINDS = ("not_json", "wrong_type", "missing_field", "bad_date")
PLANTED_KINDS = (*BROKEN_KINDS, "duplicate")


class Message(NamedTuple):
    """One message, in the order of sending.

    `at_ms` is shop time, milliseconds since 1970 UTC: when the shop's own producer would have sent it. It is
    the event's `occurred_at`; a message planted by `breakage` has the time of the place it stands in. `kind`
    is the event type, or for a planted message one of `PLANTED_KINDS`; it is not sent.
    """

    key: bytes
    value: bytes
    at_ms: int
    kind: str


def encoded(event: dict[str, Any]) -> bytes:
    """The event as one line of compact JSON in UTF-8."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def occurred_at(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: 1512345600120 is 2017-12-04T00:00:00.120Z."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def counts(messages: Iterable[Message]) -> dict[str, int]:
    """Messages by kind: the good ones by event type, the planted ones by what is wrong with them."""
    return dict(Counter(message.kind for message in messages))


def planted(messages: Iterable[Message]) -> dict[str, int]:
    """Messages planted by `breakage`, by kind; every kind is a key, 0 when there is none."""
    by_kind = counts(messages)
    return {kind: by_kind.get(kind, 0) for kind in PLANTED_KINDS}

"""What a target is told of a change: the same for webhooks and for the topic."""

import json
import uuid
from datetime import UTC, datetime
from typing import NamedTuple

from jobs.redis_store.hooks import Change


class Message(NamedTuple):
    """`id`: the same whenever the same change is told. `person`: messages about one are told in order. `body`: JSON."""

    id: str
    person: str
    body: bytes


def message_of(change: Change) -> Message:
    """Whom, which segment and why; nothing else is known here of a person."""
    data = {"person": change.person, "segment": change.segment, "cause": change.cause}
    return Message(change.id, change.person, _body(f"segment.{change.kind}", change.at, data))


def message_of_test(segment: str) -> Message:
    """One about nobody, by a type of its own."""
    data = {"person": "nobody", "segment": segment, "cause": "test"}
    return Message(f"test-{uuid.uuid4().hex}", "nobody", _body("segment.test", datetime.now(UTC), data))


def _body(type_: str, at: datetime, data: dict[str, str]) -> bytes:
    timestamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": type_, "timestamp": timestamp, "data": data}, separators=(",", ":")).encode()

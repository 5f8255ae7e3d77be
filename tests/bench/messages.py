"""Messages that the cases of landing are measured with, and how they are put on the topic."""

import json
from collections.abc import Iterable, Iterator

import numpy as np

from jobs.local.shop.message import Message
from jobs.local.shop.outbox import Outbox
from jobs.settings.loading import Settings


def purchases(first: int, many: int, broken_one_in: int = 200) -> Iterator[Message]:
    """Of a single item, about 300 bytes, numbered from `first`; one in so many has a wrong type."""
    rng = np.random.default_rng(first)
    people, items = rng.integers(1, 50_000, many), rng.zipf(1.3, many) % 90_000
    for number, person, item in zip(range(first, first + many), people.tolist(), items.tolist(), strict=True):
        line = {"item_id": str(item), "quantity": 1, "amount": 0.5, "discount": 0.0}
        if number % broken_one_in == 0:
            line["quantity"] = "one"
        event = {
            "event_id": f"order-{number}",
            "event_type": "purchase",
            "schema_version": 1,
            "occurred_at": "2017-12-01T11:53:26Z",
            "user_id": str(person),
            "session_id": f"s-{number}",
            "payload": {"order_id": str(number), "store_id": "330", "currency": "USD", "lines": [line]},
        }
        yield Message(str(person).encode(), json.dumps(event).encode(), 0, "purchase")


def searches(first: int, many: int, version: int) -> Iterator[Message]:
    """Numbered from `first`, of a version of their contract."""
    for number in range(first, first + many):
        event = {
            "event_id": f"search-{number}",
            "event_type": "search",
            "schema_version": version,
            "occurred_at": "2017-12-01T11:53:26Z",
            "user_id": str(number % 50_000),
            "session_id": f"s-{number}",
            "payload": {"text": "milk", "suggested": True},
        }
        yield Message(str(number).encode(), json.dumps(event).encode(), 0, "search")


def outbox(settings: Settings, linger_ms: int = 50) -> Outbox:
    return Outbox(settings.kafka.bootstrap, settings.kafka.topic, settings.kafka.partitions, linger_ms)


def send(settings: Settings, messages: Iterable[Message]) -> int:
    """Puts them on the topic as fast as it takes them. Returns the bytes sent."""
    sending = outbox(settings)
    for message in messages:
        sending.put(message)
    sending.close()
    return sending.size

"""Single-item purchases of about 300 bytes, as messages: what the cases of landing are measured with."""

import json
from collections.abc import Iterator

import numpy as np

from jobs.lake.settings import Settings
from jobs.local.shop.message import Message
from jobs.local.shop.outbox import Outbox

BROKEN_ONE_IN = 200


def messages(first: int, many: int) -> Iterator[Message]:
    """Numbered from `first`; one in two hundred has a wrong type."""
    rng = np.random.default_rng(first)
    people, items = rng.integers(1, 50_000, many), rng.zipf(1.3, many) % 90_000
    for number, person, item in zip(range(first, first + many), people.tolist(), items.tolist(), strict=True):
        line = {"item_id": str(item), "quantity": 1, "amount": 0.5, "discount": 0.0}
        if number % BROKEN_ONE_IN == 0:
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


def send(settings: Settings, first: int, many: int) -> int:
    """Puts them on the topic. Returns the bytes sent."""
    outbox = Outbox(settings.kafka.bootstrap, settings.kafka.topic, settings.kafka.partitions, linger_ms=50)
    for message in messages(first, many):
        outbox.put(message)
    outbox.close()
    return outbox.size

"""One visit while somebody looks on: an item into the cart and bought, and the segment entered and left in Redis.

On a topic, a prefix in Redis and a lake of its own, so that the demo's shop, which lives in 2017, does not have it.
"""

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from jobs.job import Options
from jobs.lake.lake import Lake
from jobs.lake.session import open_lake
from jobs.live import segments as live_segments
from jobs.local import services
from jobs.local.shop.message import Message
from jobs.local.shop.outbox import Outbox
from jobs.redis_store.client import connect
from jobs.redis_store.faults import redis_faults
from jobs.redis_store.keys import Keys
from jobs.settings.loading import Settings

SEGMENT = "cart_holders"
STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("add_to_cart", {"item_id": "1029743", "quantity": 1}),
    ("purchase", {"order_id": "visit", "lines": [{"item_id": "1029743", "quantity": 1, "amount": 2.69}]}),
)


def visit(settings: Settings) -> list[dict[str, Any]]:
    """The changes that Redis tells of the visitor's segment: kind, cause, and the event behind it with `seconds`, from
    it to the change by Redis's clock."""
    own = apart(settings)
    services.ensure_topic(own)
    lake, visitor, sent = Lake(open_lake("demo", settings).spark, own), f"visitor-{uuid.uuid4().hex[:8]}", []
    client, keys = connect(own.redis), Keys(own.redis.prefix)
    live_segments.main(lake, Options(datetime.now(UTC)))  # what it begins with is not the visitor's to wait for
    for event_type, payload in STEPS:
        sent.append((event_type, time.time()))
        _send(own, visitor, event_type, payload)
        live_segments.main(lake, Options(datetime.now(UTC)))
    with redis_faults(own.redis):
        told: Any = client.xrange(keys.segment_changes)
    changes = [(id_, fields) for id_, fields in told if fields["person"] == f"anonymous_id:{visitor}"]
    of_segment = [(id_, fields) for id_, fields in changes if fields["segment"] == SEGMENT]
    return [
        {
            "segment": SEGMENT,
            "kind": fields["kind"],
            "cause": fields["cause"],
            "event": event_type,
            "seconds": round(int(id_.partition("-")[0]) / 1000 - at, 1),
        }
        for (id_, fields), (event_type, at) in zip(of_segment, sent, strict=False)
    ]


def apart(settings: Settings) -> Settings:
    """Where everybody allows to be recommended to, unasked, the rules are those that ship, and nobody is told."""
    return settings.model_copy(
        update={
            "kafka": settings.kafka.model_copy(update={"topic": f"{settings.kafka.topic}-visit", "partitions": 1}),
            "redis": settings.redis.model_copy(update={"prefix": f"{settings.redis.prefix}-visit"}),
            "lake": settings.lake.model_copy(update={"root": f"{settings.lake.root}-visit"}),
            "segments": settings.segments.model_copy(update={"file": ""}),
            "hooks": settings.hooks.model_copy(update={"webhooks": {}, "kafka_topic": ""}),
            "consent": settings.consent.model_copy(update={"personalisation": True}),
        }
    )


def _send(settings: Settings, visitor: str, event_type: str, payload: dict[str, Any]) -> None:
    event = {
        "event_id": uuid.uuid4().hex,
        "event_type": event_type,
        "schema_version": 1,
        "occurred_at": datetime.now(UTC).isoformat(),
        "anonymous_id": visitor,
        "payload": payload,
    }
    sending = Outbox(settings.kafka.bootstrap, settings.kafka.topic, settings.kafka.partitions, linger_ms=0)
    sending.put(Message(visitor.encode(), json.dumps(event).encode(), 0, event_type))
    sending.close()

"""ingest: Kafka to silver, quarantine and ledger, against Spark's raw copy of the same topic to Parquet."""

import json
from typing import Any

import numpy as np

from jobs.bronze import events as bronze_events
from jobs.lake import job, tables
from jobs.lake.session import spark_for
from jobs.lake.settings import Settings
from jobs.local import services
from jobs.local.shop.message import Message
from jobs.local.shop.outbox import Outbox
from jobs.silver import events as silver_events
from tests.bench.clock import result, seconds

EVENTS = 1_500_000
BROKEN_ONE_IN = 200


def case(settings: Settings) -> dict[str, Any]:
    services.ensure_topic(settings)
    size = _fill(settings)
    spark = spark_for("bench", settings)
    options = job.Options(job.moment("2018-01-01"))

    def raw_copy() -> None:
        kafka = {"kafka.bootstrap.servers": settings.kafka.bootstrap, "subscribe": settings.kafka.topic}
        received = spark.read.format("kafka").options(**kafka).option("startingOffsets", "earliest").load()
        received.write.mode("overwrite").parquet(f"{settings.home}/raw_copy")

    copied = min(seconds(raw_copy) for _ in range(2))
    bronze = seconds(lambda: bronze_events.main(settings, options))
    silver = seconds(lambda: silver_events.main(settings, options))
    kept = tables.read(spark, "silver.events").count() + tables.read(spark, "quarantine.events").count()
    if kept != EVENTS:
        raise RuntimeError(f"{kept:,} of {EVENTS:,} messages arrived")
    return result(
        EVENTS / (bronze + silver),
        "events/s",
        "Spark's raw copy of the topic to Parquet",
        EVENTS / copied,
        EVENTS,
        bytes_per_event=round(size / EVENTS),
        bronze_seconds=round(bronze, 1),
        silver_seconds=round(silver, 1),
        raw_copy_seconds=round(copied, 1),
    )


def _fill(settings: Settings) -> int:
    """Single-item purchases of about 300 bytes, one in two hundred with a wrong type. Returns the bytes sent."""
    rng = np.random.default_rng(7)
    people, items = rng.integers(1, 50_000, EVENTS), rng.zipf(1.3, EVENTS) % 90_000
    outbox = Outbox(settings.kafka.bootstrap, settings.kafka.topic, settings.kafka.partitions, linger_ms=50)
    for number, (person, item) in enumerate(zip(people.tolist(), items.tolist(), strict=True)):
        broken = number % BROKEN_ONE_IN == 0
        event = {
            "event_id": f"order-{number}",
            "event_type": "purchase",
            "schema_version": 1,
            "occurred_at": "2017-12-01T11:53:26Z",
            "user_id": str(person),
            "session_id": f"s-{number}",
            "payload": {
                "order_id": str(number),
                "store_id": "330",
                "currency": "USD",
                "lines": [{"item_id": str(item), "quantity": "one" if broken else 1, "amount": 0.5, "discount": 0.0}],
            },
        }
        outbox.put(Message(str(person).encode(), json.dumps(event).encode(), 0, "purchase"))
    outbox.close()
    return outbox.size

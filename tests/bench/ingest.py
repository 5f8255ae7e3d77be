"""ingest: Kafka to silver, quarantine and ledger, against two yardsticks on the same topic.

Spark's raw copy to Parquet is only the limit; the flow as one would write it by hand, with no guarantee, is what the
guarantees are paid against.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.local.shop import journey
from jobs.local.shop.message import Message
from tests.bench.by_hand import ByHand
from tests.bench.clock import result, seconds
from tests.bench.cold_ingest import cold_seconds, ours
from tests.bench.messages import purchases, send
from tests.other_lake import rooted
from tests.topics import with_topic

# Streams run for months, so what a JVM needs to get going is told apart: all ways are measured warm, and cold besides.
FIRST = 200_000
EVENTS = 1_500_000
FEWER = 500_000


@dataclass(frozen=True)
class Speeds:
    """Messages a second of the three ways, and what they were measured by."""

    ours: float
    by_hand: float
    raw_copy: float
    events: int
    seconds: dict[str, float]
    bytes_per_event: int


def case(lake: Lake) -> dict[str, Any]:
    usual = measured(lake, "usual", purchases(0, FIRST), purchases(FIRST, EVENTS))
    broken = measured(lake, "broken", purchases(0, FIRST, 10), purchases(FIRST, FEWER, 10))
    year = iter(journey.messages())
    demo = measured(lake, "demo", islice(year, 60_000), year)
    cold = with_topic(lake, lake.settings.kafka.partitions)
    send(cold.settings, purchases(0, FIRST))
    first = {way: cold_seconds(cold, way, f"{lake.settings.home}/cold-{way}") for way in ("ours", "by_hand")}
    return result(
        usual.ours,
        "events/s",
        "Spark's raw copy of the topic to Parquet",
        usual.raw_copy,
        usual.events,
        by_hand=round(usual.by_hand),
        by_hand_ratio=round(usual.ours / usual.by_hand, 3),
        cold_by_hand_ratio=round(first["by_hand"] / first["ours"], 3),
        ten_percent_broken_ratio=round(broken.ours / usual.ours, 3),
        ten_percent_broken_by_hand_ratio=round(broken.ours / broken.by_hand, 3),
        demo_mix=round(demo.ours),
        demo_mix_by_hand_ratio=round(demo.ours / demo.by_hand, 3),
        bytes_per_event=usual.bytes_per_event,
        demo_mix_bytes_per_event=demo.bytes_per_event,
        seconds={**usual.seconds, "cold": round(first["ours"], 1), "cold_by_hand": round(first["by_hand"], 1)},
    )


def measured(lake: Lake, name: str, first: Iterable[Message], messages: Iterable[Message]) -> Speeds:
    """Each way takes `first`, which warms the JVM, then `messages`, which is timed."""
    folder = f"{lake.settings.home}/ingest-{name}"
    own = with_topic(rooted(lake, f"{folder}/lake"), lake.settings.kafka.partitions)
    by_hand = ByHand(own, f"{folder}/by-hand")
    send(own.settings, first)
    for step in (*ours(own), by_hand.bronze, by_hand.silver):
        step()
    before = arrived(own)
    size = send(own.settings, messages)
    copied = min(seconds(lambda: raw_copy(own, folder)) for _ in range(2))
    bronze, silver = (seconds(step) for step in ours(own))
    theirs = [seconds(by_hand.bronze), seconds(by_hand.silver)]
    all_, events = arrived(own), arrived(own) - before
    if by_hand.count() != all_:
        raise RuntimeError(f"{all_:,} messages arrived, {by_hand.count():,} by hand")
    return Speeds(
        events / (bronze + silver),
        events / sum(theirs),
        all_ / copied,
        events,
        {
            "bronze": round(bronze, 1),
            "silver": round(silver, 1),
            "by_hand_bronze": round(theirs[0], 1),
            "by_hand_silver": round(theirs[1], 1),
            "raw_copy": round(copied, 1),
        },
        round(size / events),
    )


def raw_copy(lake: Lake, folder: str) -> None:
    """All messages so far."""
    kafka = lake.settings.kafka
    options = {"kafka.bootstrap.servers": kafka.bootstrap, "subscribe": kafka.topic, "startingOffsets": "earliest"}
    received = lake.spark.read.format("kafka").options(**options).load()
    received.write.mode("overwrite").parquet(f"{folder}/raw-copy")


def arrived(lake: Lake) -> int:
    """Messages that the ledger accounts for."""
    return int(tables.read(lake, "ops.ledger").agg({"received": "sum"}).collect()[0][0])

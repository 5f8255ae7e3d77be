"""ingest: Kafka to silver, quarantine and ledger, against Spark's raw copy of the same topic to Parquet."""

from typing import Any

from jobs import job
from jobs.bronze import events as bronze_events
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.local import services
from jobs.silver import events as silver_events
from tests.bench.clock import result, seconds
from tests.bench.messages import purchases, send

# Streams run for months, so what a JVM needs to get going is told apart: both ways are measured warm.
FIRST = 200_000
EVENTS = 1_500_000


def case(lake: Lake) -> dict[str, Any]:
    settings = lake.settings
    services.ensure_topic(settings)
    options = job.Options(job.moment("2018-01-01"))

    def raw_copy() -> None:
        kafka = {"kafka.bootstrap.servers": settings.kafka.bootstrap, "subscribe": settings.kafka.topic}
        received = lake.spark.read.format("kafka").options(**kafka).option("startingOffsets", "earliest").load()
        received.write.mode("overwrite").parquet(f"{settings.home}/raw_copy")

    def bronze() -> float:
        return seconds(lambda: bronze_events.main(lake, options))

    def silver() -> float:
        return seconds(lambda: silver_events.main(lake, options))

    send(settings, purchases(0, FIRST))
    cold = bronze() + silver()
    size = send(settings, purchases(FIRST, EVENTS))
    copied = min(seconds(raw_copy) for _ in range(2))
    in_bronze, in_silver = bronze(), silver()
    kept = tables.read(lake, "silver.events").count() + tables.read(lake, "quarantine.events").count()
    if kept != FIRST + EVENTS:
        raise RuntimeError(f"{kept:,} of {FIRST + EVENTS:,} messages arrived")
    return result(
        EVENTS / (in_bronze + in_silver),
        "events/s",
        "Spark's raw copy of the topic to Parquet",
        (FIRST + EVENTS) / copied,
        EVENTS,
        bytes_per_event=round(size / EVENTS),
        bronze_seconds=round(in_bronze, 1),
        silver_seconds=round(in_silver, 1),
        raw_copy_seconds=round(copied, 1),
        first_events=FIRST,
        first_seconds=round(cold, 1),
    )

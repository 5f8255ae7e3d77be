"""silver.events: one row per valid event, by event_id. Rejected messages go to quarantine.events with every reason.

Of messages with one event_id the first received is kept, whether the others come in the same micro-batch or
later. What became of every offset is counted in ops.ledger. A batch that is run again after a crash writes
nothing twice: each table is appended under a transaction id of its own, and a row counts as a duplicate only
of a row with other coordinates in Kafka.
"""

import functools

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from expectations.contract import Contract, contract
from expectations.verdict import with_event
from jobs.lake import job, streams, tables
from jobs.lake.session import spark_for
from jobs.lake.settings import Settings

TABLE = "silver.events"
QUARANTINE = "quarantine.events"
LEDGER = "ops.ledger"
COORDINATES = ("topic", "partition", "offset")


def with_fate(judged: DataFrame, kept: DataFrame) -> DataFrame:
    """Adds `fate` (kept, quarantined or duplicate) to rows with `event` and `reasons`; give it a persisted frame.

    `kept` holds event_id and the coordinates of what silver.events has so far. Only ids and coordinates are
    shuffled; the few rows that turn out to be duplicates are then marked.
    """
    valid = judged.where(F.size("reasons") == 0)
    ids = valid.select(F.col("event.event_id").alias("event_id"), "received_at", *COORDINATES)
    earlier = Window.partitionBy("event_id").orderBy("received_at", *COORDINATES)
    in_batch = ids.withColumn("place", F.row_number().over(earlier)).where("place > 1").select(*COORDINATES)
    known = kept.select("event_id", *[F.col(name).alias(f"kept_{name}") for name in COORDINATES])
    is_itself = functools.reduce(Column.__and__, [F.col(name) == F.col(f"kept_{name}") for name in COORDINATES])
    in_silver = ids.join(known, "event_id", "inner").where(~is_itself).select(*COORDINATES)
    doubles = in_batch.union(in_silver).distinct().withColumn("fate", F.lit("duplicate"))
    otherwise = F.when(F.size("reasons") == 0, "kept").otherwise("quarantined")
    marked = judged.join(F.broadcast(doubles), list(COORDINATES), "left")
    return marked.withColumn("fate", F.coalesce("fate", otherwise))


def as_events(judged: DataFrame) -> DataFrame:
    """The kept rows, typed, in the columns of silver.events."""
    at = F.to_timestamp("event.occurred_at")
    return judged.where(F.col("fate") == "kept").select(
        "event.*", "extra", *COORDINATES, "received_at", F.to_date(at).alias("event_date")
    )


def as_rejected(judged: DataFrame) -> DataFrame:
    """The rejected rows in the columns of quarantine.events."""
    return judged.where(F.col("fate") == "quarantined").select(
        *COORDINATES, "received_at", "key", "value", "event.event_id", "event.event_type", "reasons"
    )


def as_ledger(judged: DataFrame, batch: int) -> DataFrame:
    """One row per topic and partition: the offset range and the count of each fate."""
    return judged.groupBy("topic", "partition").agg(
        F.min("offset").alias("first_offset"),
        F.max("offset").alias("last_offset"),
        F.count("*").alias("received"),
        *[F.count_if(F.col("fate") == fate).alias(fate) for fate in ("kept", "quarantined", "duplicate")],
        F.lit(batch).alias("batch"),
    )


def as_judged(received: DataFrame, rules: Contract) -> DataFrame:
    """Rows of bronze.events with `event`, `reasons` and `extra`; key and value stay with rejected rows only."""
    judged = received.transform(with_event(rules))
    is_rejected = F.size("reasons") > 0
    return judged.select(
        *COORDINATES,
        "received_at",
        "event",
        "reasons",
        "extra",
        *[F.when(is_rejected, F.col(name)).alias(name) for name in ("key", "value")],
    )


def land(received: DataFrame, batch: int) -> None:
    """One micro-batch of bronze.events into the three tables."""
    query = streams.query_id(received)
    kept = tables.read(received.sparkSession, TABLE).select("event_id", *COORDINATES)
    judged = as_judged(received, contract()).persist()
    try:
        fated = with_fate(judged, kept)
        tables.append_once(as_events(fated), TABLE, query, batch)
        tables.append_once(as_rejected(fated), QUARANTINE, query, batch)
        tables.append_once(as_ledger(fated, batch), LEDGER, query, batch)
    finally:
        judged.unpersist()


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for(TABLE, settings)
    received = tables.stream(spark, "bronze.events", maxBytesPerTrigger=settings.streaming.max_bytes_per_trigger)
    tables.create(spark, TABLE, QUARANTINE, LEDGER)
    streams.run(received.writeStream.foreachBatch(land), spark, TABLE, settings, options.continuous)


if __name__ == "__main__":
    job.submit(main)

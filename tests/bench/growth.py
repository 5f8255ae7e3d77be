"""ingest_growth: the same batch judged and landed in a silver.events of ten times the rows."""

from functools import partial
from statistics import median
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from expectations.schemas import TABLES
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing.uniqueness import event_hash
from jobs.silver import events
from tests.bench.clock import result, seconds
from tests.bench.messages import purchases
from tests.other_lake import rooted

BATCH = 200_000
SMALL, LARGE = 1_000_000, 10_000_000
TIMES = 5
TOLD = {
    "topic": "'events'",
    "partition": "0",
    "received_at": "timestamp '2017-12-01'",
    "event_date": "date '2017-12-01'",
}


def case(lake: Lake) -> dict[str, Any]:
    spark, home = lake.spark, lake.settings.home
    texts = spark.createDataFrame([(m.key, m.value) for m in purchases(0, BATCH)], "key binary, value binary")
    texts.write.parquet(f"{home}/batch")
    lakes = {rows: rooted(lake, f"{home}/of_{rows}") for rows in (SMALL, LARGE)}
    taken: dict[int, list[float]] = {rows: [] for rows in lakes}
    for rows, own in lakes.items():
        tables.create(own, events.TABLE, events.QUARANTINE, events.LEDGER)
        for first in range(0, rows, SMALL):  # as many files for a million rows, however many there are
            tables.append(own, events.TABLE, _earlier_events(spark, first, first + SMALL))
    for turn in range(TIMES + 1):  # the first warms the JVM
        for rows, own in lakes.items():
            batch = _batch(spark, f"{home}/batch", turn)
            took = seconds(partial(events.land, own, batch, turn, committed_contract()))
            taken[rows] += [took] if turn > 0 else []
    of = {rows: median(took) for rows, took in taken.items()}
    return result(
        of[LARGE],
        f"s for {BATCH:,} events into {LARGE:,}",
        f"s into {SMALL:,}",
        of[SMALL],
        BATCH,
        most=round(max(taken[LARGE]), 2),
        yardstick_most=round(max(taken[SMALL]), 2),
    )


def _earlier_events(spark: SparkSession, first: int, last: int) -> DataFrame:
    """Rows of silver.events as they would be after so many purchases; only what is asked of them is filled."""
    rows = spark.range(first, last, 1, 2).withColumn("event_id", F.concat(F.lit("known-"), F.col("id")))
    columns = {"event_hash": event_hash(F.col("event_id")), "offset": F.col("id")}
    columns |= {name: F.expr(text) for name, text in TOLD.items()}
    types = TABLES[events.TABLE].types.items()
    rest = {name: F.lit(None).cast(type_) for name, type_ in types if name not in {*columns, "event_id"}}
    return rows.withColumns({**columns, **rest})


def _batch(spark: SparkSession, folder: str, turn: int) -> DataFrame:
    """The same messages with ids of their own each turn, as a micro-batch of bronze.events."""
    number = F.monotonically_increasing_id() + (turn + 1) * 10**12
    own = F.encode(F.replace(F.decode("value", "utf-8"), F.lit("order-"), F.lit(f"turn-{turn}-")), "utf-8")
    at = F.lit("2018-01-01").cast("timestamp")
    return spark.read.parquet(folder).select(
        F.lit("events").alias("topic"),
        F.lit(None).cast("string").alias("topic_id"),
        F.lit(0).alias("partition"),
        number.alias("offset"),
        "key",
        own.alias("value"),
        F.lit(None).cast("int").alias("sealed_by"),
        F.lit(None).cast("string").alias("decode_error"),
        F.octet_length(own).cast("int").alias("size_bytes"),
        at.alias("received_at"),
    )

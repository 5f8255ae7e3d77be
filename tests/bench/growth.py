"""ingest_growth: the same batch judged and landed in a silver.events of ten and thirty times the rows."""

from functools import partial
from statistics import median
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from expectations.schemas import TABLES
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing.reading import Reader, as_received
from jobs.landing.uniqueness import event_hash
from jobs.privacy.keys import Secrets
from jobs.privacy.message import Protection
from jobs.silver import events
from tests.bench.clock import exponent, result, seconds
from tests.bench.messages import purchases
from tests.other_lake import rooted

BATCH = 200_000
MILLION = 1_000_000
SIZES = (MILLION, 10 * MILLION, 30 * MILLION)
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
    lakes = {rows: rooted(lake, f"{home}/of_{rows}") for rows in SIZES}
    taken: dict[int, list[float]] = {rows: [] for rows in lakes}
    for rows, own in lakes.items():
        tables.create(own, events.TABLE, events.QUARANTINE, events.LEDGER)
        for first in range(0, rows, MILLION):  # as many files for a million rows, however many there are
            tables.append(own, events.TABLE, _earlier_events(spark, first, first + MILLION))
    for turn in range(TIMES + 1):  # the first warms the JVM
        batch = _batch(spark, f"{home}/batch", turn)
        for rows, own in lakes.items():
            took = seconds(partial(events.land, own, batch, turn, committed_contract()))
            taken[rows] += [took] if turn > 0 else []
    of = {rows: round(median(took), 2) for rows, took in taken.items()}
    least, most = SIZES[0], SIZES[-1]
    return result(
        of[most],
        f"s for {BATCH:,} events into {most:,}",
        f"s into {least:,}",
        of[least],
        BATCH,
        exponent=exponent(of),
        seconds=of,
        most=round(max(taken[most]), 2),
        yardstick_most=round(max(taken[least]), 2),
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
    messages = spark.read.parquet(folder).select(
        F.lit("events").alias("topic"),
        F.lit(None).cast("string").alias("topic_id"),
        F.lit(0).alias("partition"),
        number.alias("offset"),
        F.lit("2018-01-01").cast("timestamp").alias("timestamp"),
        "key",
        own.alias("value"),
    )
    reader = Reader(committed_contract, None, Protection(Secrets((b"1" * 32,), (b"k" * 32,)), "US"))
    as_received(messages, reader, committed_contract()).write.mode("overwrite").parquet(f"{folder}-{turn}")
    return spark.read.parquet(f"{folder}-{turn}")

"""What is measured of one day of events, by event type: how many, how many rejected, how empty, how varied.

A day is the UTC day of `received_at`, when the broker took the message: rejected messages have no other time that
can be trusted. Messages whose type cannot be read, or is none of the contract's, count under `unknown`. Every type
of the contract has a row each day: that nothing came is the first thing to know.
"""

from datetime import UTC, date, datetime, time, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import committed_contract

UNKNOWN = "unknown"
WHOLE = "*"
"""In place of a column: the measure is of whole events."""

# What is watched of silver.events, and how it is read. A column that a type does not have is null in all its rows.
NAMES = {
    "user_id": "user_id",
    "anonymous_id": "anonymous_id",
    "device_id": "device_id",
    "session_id": "session_id",
    "device_type": "context.device_type",
    "country": "context.country",
    "item_id": "payload.item_id",
}
NUMBERS = {
    "price": "payload.price",
    "amount": "aggregate(payload.lines, 0D, (sum, line) -> sum + line.amount)",
}
WATCHED = {**NAMES, **NUMBERS}
SHARES = ("rejected_share", "null_share")


def is_of(day: date, days: int = 1) -> Column:
    """True for rows received on that UTC day, or on `days` days from it on."""
    start = datetime.combine(day, time(), UTC)
    return (F.col("received_at") >= F.lit(start)) & (F.col("received_at") < F.lit(start + timedelta(days=days)))


def as_measures(events: DataFrame, rejected: DataFrame, day: date) -> DataFrame:
    """One row per event type, measure and column of that day: `value`, and `events`, of how many it was taken.

    `volume`: messages received, duplicates left out. `rejected`, `rejected_share`: those in quarantine, whatever
    became of them since. `null_share`, `distinct` (approximate, 5 % off as a rule): of a column of the valid ones;
    there are none where nothing was valid. One pass over the day's rows of each table.
    """
    columns = [F.expr(sql).alias(name) for name, sql in WATCHED.items()]
    by_type = events.where(is_of(day)).select("event_type", *columns).groupBy("event_type")
    counts = by_type.agg(
        F.count("*").alias("kept"),
        *[F.count_if(F.col(name).isNull()).alias(f"nulls_{name}") for name in WATCHED],
        *[F.approx_count_distinct(name).alias(f"distinct_{name}") for name in WATCHED],
    )
    turned_away = rejected.where(is_of(day)).groupBy(known_type().alias("event_type"))
    both = (
        _every_type(events)
        .join(counts, on="event_type", how="left")
        .join(turned_away.agg(F.count("*").alias("rejected")), on="event_type", how="left")
        .fillna(0, ["kept", "rejected"])
    )
    return both.select("event_type", F.inline(_measures())).where("value IS NOT NULL")


def known_type() -> Column:
    """The event type where the contract knows it: a rejected message may say anything."""
    return F.when(F.col("event_type").isin(*committed_contract().event_types), F.col("event_type")).otherwise(UNKNOWN)


def _every_type(events: DataFrame) -> DataFrame:
    types = F.array(*[F.lit(name) for name in (*committed_contract().event_types, UNKNOWN)])
    return events.sparkSession.range(1).select(F.explode(types).alias("event_type"))


def _measures() -> Column:
    volume = F.col("kept") + F.col("rejected")

    def measure(name: str, column: str, value: Column, events: Column) -> Column:
        fields = {"measure": F.lit(name), "column_name": F.lit(column), "value": value.cast("double")}
        return F.struct(*[field.alias(key) for key, field in fields.items()], events.cast("bigint").alias("events"))

    return F.array(
        measure("volume", WHOLE, volume, volume),
        measure("rejected", WHOLE, F.col("rejected"), volume),
        measure("rejected_share", WHOLE, F.try_divide(F.col("rejected"), volume), volume),
        *[
            measure("null_share", name, F.try_divide(F.col(f"nulls_{name}"), F.col("kept")), F.col("kept"))
            for name in WATCHED
        ],
        *[measure("distinct", name, F.col(f"distinct_{name}"), F.col("kept")) for name in WATCHED],
    )

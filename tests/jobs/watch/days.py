"""Builders of days of events as the watch reads them."""

from datetime import UTC, date, datetime, time
from typing import Any

from pyspark.sql import DataFrame, SparkSession

EVENT = (
    "event_type string, received_at timestamp, user_id string, anonymous_id string, device_id string,"
    " session_id string, context struct<device_type: string, country: string>,"
    " payload struct<item_id: string, price: double, lines: array<struct<amount: double>>>"
)
REJECTED = "event_type string, received_at timestamp"
DAY = date(2026, 3, 2)


def at(day: date, clock: str = "10:00:00") -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), UTC)


def event(event_type: str, received_at: datetime, device: str = "mobile", **fields: Any) -> tuple[Any, ...]:
    """One row of EVENT; `price`, `amounts`, `user`, `country`, `item` where given, else null."""
    amounts = fields.get("amounts")
    lines = None if amounts is None else [(amount,) for amount in amounts]
    payload = (fields.get("item"), fields.get("price"), lines)
    return event_type, received_at, fields.get("user"), None, None, None, (device, fields.get("country")), payload


def events(spark: SparkSession, rows: list[tuple[Any, ...]]) -> DataFrame:
    return spark.createDataFrame(rows, EVENT)

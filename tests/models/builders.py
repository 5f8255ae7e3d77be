"""Small tables with defaults, for the tests of models/."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

RATINGS = "person_id string, item_id string, weight double, purchases long, last_at timestamp"
RECOMMENDED = "person_id string, rank int, item_id string, score double"
PAIRS = "person_id string, item_id string"
INTERACTIONS = (
    "event_id string, event_type string, person_id string, item_id string, occurred_at timestamp, source string"
)


def ratings(spark: SparkSession, *rows: tuple[str, str, int]) -> DataFrame:
    """Rows (person, item, purchases); the weight is the number of purchases, each item's last event a day after the
    one before."""
    first = datetime(2017, 1, 1, tzinfo=UTC)
    at = {item: first + timedelta(days=day) for day, item in enumerate(dict.fromkeys(item for _, item, _ in rows))}
    return spark.createDataFrame([(p, i, float(n), n, at[i]) for p, i, n in rows], RATINGS)


def pairs(spark: SparkSession, **items: str) -> DataFrame:
    """ann="1 2" is two rows: (ann, 1), (ann, 2)."""
    return spark.createDataFrame([(p, i) for p, text in items.items() for i in text.split()], PAIRS)


def people(spark: SparkSession, *ids: str) -> DataFrame:
    return spark.createDataFrame([(i,) for i in ids], "person_id string")


def recommended(spark: SparkSession, **items: str) -> DataFrame:
    """ann="1 2" is item 1 at rank 1 and item 2 at rank 2."""
    rows = [
        (person, rank, item, 1.0 / rank)
        for person, text in items.items()
        for rank, item in enumerate(text.split(), start=1)
    ]
    return spark.createDataFrame(rows, RECOMMENDED)


def lists(frame: DataFrame) -> dict[str, list[str]]:
    """Items in rank order by person."""
    by_person: dict[str, list[str]] = {}
    for row in frame.orderBy("person_id", "rank").collect():
        by_person.setdefault(row.person_id, []).append(row.item_id)
    return by_person


def interaction(
    person: str | None = "ann",
    item: str | None = "1",
    at: str = "2017-11-01T10:00",
    type: str = "purchase",
    source: str | None = None,
) -> tuple[Any, ...]:
    """One row of silver.interactions, as far as models/ reads it."""
    when = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return (f"{type}-{person}-{item}-{at}", type, person, item, when, source)

"""Measures and drift of small days, counted by hand."""

import math
from datetime import timedelta

import pytest
from pyspark.sql import SparkSession

from expectations.contract import committed_contract
from jobs.watch.drift import as_index, as_psi
from jobs.watch.measures import UNKNOWN, WATCHED, WHOLE, as_measures
from tests.jobs.watch.days import DAY, REJECTED, at, event, events

COUNTS = "event_type string, column_name string, bin string, rows bigint, reference bigint"


def test_a_day_by_type_counted_by_hand(spark: SparkSession) -> None:
    before, after = at(DAY - timedelta(days=1), "23:59:59.999999"), at(DAY + timedelta(days=1), "00:00:00")
    kept = [
        event("product_view", at(DAY, "00:00:00"), user="1", price=1.0, item="a"),
        event("product_view", at(DAY), user="1", price=2.0, item="b"),
        event("product_view", at(DAY), price=2.0, item="c"),
        event("product_view", at(DAY, "23:59:59.999999"), user="2"),
        event("product_view", before, user="3"),
        event("product_view", after, user="4"),
        event("purchase", at(DAY), user="1", amounts=[1.0, 2.5]),
        event("purchase", at(DAY), user="2", amounts=[3.5]),
    ]
    rejected = [("product_view", at(DAY)), ("sneeze", at(DAY)), (None, at(DAY)), ("purchase", before)]
    rows = as_measures(events(spark, kept), spark.createDataFrame(rejected, REJECTED), DAY).collect()
    by_measure = {(r["event_type"], r["measure"], r["column_name"]): (r["value"], r["events"]) for r in rows}
    assert len(by_measure) == len(rows)

    def of(event_type: str, measure: str, column: str = WHOLE) -> tuple[float, int] | None:
        return by_measure.get((event_type, measure, column))

    assert of("product_view", "volume") == (5, 5)
    assert of("product_view", "rejected") == (1, 5)
    assert of("product_view", "rejected_share") == (0.2, 5)
    assert of("product_view", "null_share", "user_id") == (0.25, 4)
    assert of("product_view", "null_share", "price") == (0.25, 4)
    assert of("product_view", "distinct", "user_id") == (2, 4)
    assert of("product_view", "distinct", "item_id") == (3, 4)
    assert of("purchase", "distinct", "amount") == (1, 2)  # 1 + 2.5 and 3.5
    assert of("purchase", "null_share", "amount") == (0, 2)
    assert of("purchase", "rejected_share") == (0, 2)
    assert of(UNKNOWN, "volume") == (2, 2)
    assert of(UNKNOWN, "rejected_share") == (1, 2)
    assert of(UNKNOWN, "null_share", "user_id") is None
    # Nothing came: it is said.
    assert of("search", "volume") == (0, 0)
    assert of("search", "rejected_share") is None
    volumes = {event_type for event_type, measure, _ in by_measure if measure == "volume"}
    assert volumes == {*committed_contract().event_types, UNKNOWN}
    assert {column for _, measure, column in by_measure if measure == "null_share"} == set(WATCHED)


def test_psi_of_a_table_computed_by_hand(spark: SparkSession) -> None:
    halves = (0.8 - 0.5) * math.log(0.8 / 0.5) + (0.2 - 0.5) * math.log(0.2 / 0.5)
    assert halves == pytest.approx(0.415888, abs=1e-6)
    empty = (1 - 0.5) * math.log(1 / 0.5) + (1e-4 - 0.5) * math.log(1e-4 / 0.5)
    # Two rare values and a new one are one bin: 1.5 % before, 30 % now.
    rare = (0.7 - 0.985) * math.log(0.7 / 0.985) + (0.3 - 0.015) * math.log(0.3 / 0.015)
    counts = [
        ("t", "halves", "a", 80, 500),
        ("t", "halves", "b", 20, 500),
        ("t", "same", "a", 30, 300),
        ("t", "same", "null", 70, 700),
        ("t", "empty", "a", 100, 500),
        ("t", "empty", "b", 0, 500),
        ("t", "rare", "a", 70, 985),
        ("t", "rare", "b", 5, 8),
        ("t", "rare", "c", 5, 7),
        ("t", "rare", "new", 20, 0),
        ("t", "few", "a", 99, 500),
        ("t", "no_past", "a", 500, 99),
        ("t", "never", "null", 100, 500),
    ]
    rows = as_index(spark.createDataFrame(counts, COUNTS).coalesce(1), min_rows=100).collect()
    by_column = {row["column_name"]: (pytest.approx(row["value"], abs=1e-9), row["events"]) for row in rows}
    assert by_column == {"halves": (halves, 100), "same": (0, 100), "empty": (empty, 100), "rare": (rare, 100)}


def test_drift_against_the_days_before(spark: SparkSession) -> None:
    """200 rows on each of two days before, 200 on the day: prices doubled, countries the same, one device new."""
    rows = []
    for ago in (0, 1, 2, 3):
        factor, device = (2.0, "app") if ago == 0 else (1.0, "mobile")
        # What lies beyond the reference is not compared with.
        country = "XX" if ago == 3 else None
        rows += [
            event(
                "product_view",
                at(DAY - timedelta(days=ago)),
                device=device if n % 2 else "desktop",
                price=factor * n,
                country=country or ("PL" if n % 4 else "DE"),
            )
            for n in range(200)
        ]
    measures = {
        row["column_name"]: (row["event_type"], row["measure"], row["value"], row["events"])
        for row in as_psi(events(spark, rows), DAY, reference_days=2, min_rows=200).collect()
    }
    assert set(measures) == {"price", "country", "device_type"}  # no amount: a view has none
    assert {of[:2] + of[3:] for of in measures.values()} == {("product_view", "psi", 200)}
    assert measures["country"][2] == pytest.approx(0, abs=1e-12)
    # Half of the rows moved from one bin to one that was empty.
    assert measures["device_type"][2] == pytest.approx(2 * (0.5 - 1e-4) * math.log(0.5 / 1e-4), abs=1e-9)
    # Doubled prices 0, 2 ... 398: half lie above the highest of the deciles, and each other tenth is halved.
    expected = 9 * (0.05 - 0.1) * math.log(0.05 / 0.1) + (0.55 - 0.1) * math.log(0.55 / 0.1)
    assert measures["price"][2] == pytest.approx(expected, rel=0.1)

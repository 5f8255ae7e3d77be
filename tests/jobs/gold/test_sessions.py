"""Where a session ends, and what is kept of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from expectations.gate import check
from expectations.schemas import TABLES
from jobs.gold.sessions import as_sessions, with_session

COLUMNS = (
    "person_id string, event_id string, event_type string, occurred_at timestamp, context struct<campaign: string>"
)
AS_OF = datetime(2026, 3, 9, tzinfo=UTC)


def events(spark: SparkSession, *rows: tuple[str, str, str | None], person: str = "p") -> DataFrame:
    """(at, event type, campaign), `at` such as "02T10:00:00" in March 2026; ids in the order given."""
    whole = [
        (person, f"e-{i:03d}", event_type, datetime.fromisoformat(f"2026-03-{at}").replace(tzinfo=UTC), (campaign,))
        for i, (at, event_type, campaign) in enumerate(rows)
    ]
    return spark.createDataFrame(whole, COLUMNS)


VIEW = "product_view"
# Of each case the events (at, campaign), and the session that each is in.
CASES: dict[str, tuple[tuple[tuple[str, str | None], ...], list[int]]] = {
    "a second short of half an hour goes on": ((("02T10:00:00", None), ("02T10:29:59", None)), [1, 1]),
    "half an hour ends it": ((("02T10:00:00", None), ("02T10:30:00", None)), [1, 2]),
    "counted from the last event, not from the first": (
        (("02T10:00:00", None), ("02T10:20:00", None), ("02T10:40:00", None)),
        [1, 1, 1],
    ),
    "midnight UTC ends it": ((("02T23:59:59", None), ("03T00:00:00", None)), [1, 2]),
    "a campaign that brings in ends it": ((("02T10:00:00", None), ("02T10:01:00", "spring")), [1, 2]),
    "the same goes on": ((("02T10:00:00", "spring"), ("02T10:01:00", "spring")), [1, 1]),
    "another one ends it": ((("02T10:00:00", "spring"), ("02T10:01:00", "summer")), [1, 2]),
    "none goes on under the last": (
        (("02T10:00:00", "spring"), ("02T10:01:00", None), ("02T10:02:00", "spring")),
        [1, 1, 1],
    ),
    "an empty one is none": ((("02T10:00:00", "spring"), ("02T10:01:00", ""), ("02T10:02:00", "spring")), [1, 1, 1]),
    "back to the first one": (
        (("02T10:00:00", "spring"), ("02T10:01:00", "summer"), ("02T10:02:00", "spring")),
        [1, 2, 3],
    ),
    "the same as the day before ends nothing": (
        (("02T10:00:00", "spring"), ("03T10:00:00", None), ("03T10:01:00", "spring")),
        [1, 2, 2],
    ),
}


def test_where_a_session_ends(spark: SparkSession) -> None:
    """One frame for all cases, each a person's; given backwards, for the order of rows says nothing."""
    frames = [
        events(spark, *((at, VIEW, campaign) for at, campaign in case), person=reason)
        for reason, (case, _) in CASES.items()
    ]
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.union(frame)
    rows = with_session(whole.orderBy("event_id", ascending=False)).collect()
    sessions = {
        reason: [row["session"] for row in sorted(rows, key=lambda row: row["event_id"]) if row["person_id"] == reason]
        for reason in CASES
    }
    assert sessions == {reason: expected for reason, (_, expected) in CASES.items()}


@pytest.fixture(scope="module")
def sessions(spark: SparkSession) -> DataFrame:
    frame = events(
        spark,
        ("02T09:50:00", "consent", None),  # is no step: the session begins with the search
        ("02T10:00:00", "search", "spring"),
        ("02T10:00:30", VIEW, None),
        ("02T10:01:00", "recommendation_shown", "summer"),  # what the shop did neither counts nor brings anybody in
        ("02T10:02:00", VIEW, None),
        ("02T10:05:00", "purchase", None),
        ("02T10:20:00", "identify", None),  # nor does it keep a session going
        ("02T10:40:00", VIEW, None),
        ("02T12:00:00", "return", None),  # belongs to an earlier order
        ("09T00:00:00", VIEW, None),  # not known yet
    )
    return as_sessions(frame.union(events(spark, ("02T10:00:00", VIEW, None), person="q")), AS_OF).persist()


def test_one_row_per_session(sessions: DataFrame) -> None:
    rows: dict[tuple[str, int], dict[str, Any]] = {(row[0], row[1]): row.asDict() for row in sessions.collect()}
    assert set(rows) == {("p", 1), ("p", 2), ("q", 1)}
    first = rows["p", 1]
    assert first["steps"] == ["search", VIEW, VIEW, "purchase"] and first["seconds"] == [0, 30, 120, 300]
    assert first["events"] == {"search": 1, VIEW: 2, "purchase": 1}
    assert (first["is_purchase"], first["campaign"]) == (True, "spring")
    at = [first[name].replace(tzinfo=UTC) for name in ("started_at", "ended_at")]
    assert at == [datetime(2026, 3, 2, 10, 0, tzinfo=UTC), datetime(2026, 3, 2, 10, 5, tzinfo=UTC)]
    second = rows["p", 2]
    assert (second["steps"], second["is_purchase"], second["campaign"]) == ([VIEW], False, None)


def test_it_is_the_table_and_passes_its_suite(sessions: DataFrame) -> None:
    assert sessions.columns == list(TABLES["gold.sessions"].names)
    outcomes = check(sessions, "gold.sessions", max_examples=0)
    assert [one for one in outcomes if not one.success] == []

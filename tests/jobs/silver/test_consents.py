"""silver.consents and consented: small histories with a reason per row."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.contract import contract
from expectations.schemas.silver import PURPOSES
from jobs import job
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.people import consent
from jobs.people.consent import consented
from jobs.settings.loading import Settings
from jobs.silver import consents
from jobs.silver import events as silver_events
from tests.events import event, received

DAY = datetime(2017, 3, 9, tzinfo=UTC)


def said(event_id: str, day: int, user: str = "9", **purposes: bool) -> dict[str, Any]:
    """A consent event of a day of March."""
    payload = {"purposes": purposes, "source": "banner", "text_version": "7"}
    return event(
        "consent", event_id=event_id, user_id=user, occurred_at=f"2017-03-{day:02d}T00:00:00Z", payload=payload
    )


def copied(event_id: str, day: int, user: str = "9", **purposes: bool) -> dict[str, Any]:
    """A client's copy, sent with a page view."""
    at = f"2017-03-{day:02d}T00:00:00Z"
    return event("page_view", event_id=event_id, user_id=user, occurred_at=at, consent=purposes)


def record(lake: SparkSession, settings: Settings, *batches: list[Any]) -> None:
    """The messages as rows of silver.events, and each batch of them taken up by a run of its own."""
    tables.create(lake, "silver.events")
    for messages in batches:
        if messages:
            judged = silver_events.as_judged(received(lake, messages), contract()).withColumn("fate", F.lit("kept"))
            assert judged.where("size(reasons) > 0").isEmpty()
            tables.append(silver_events.as_events(judged, late_hours=24), "silver.events")
        consents.main(settings, job.Options(DAY))


def allowing(lake: SparkSession, purpose: str = "personalisation", as_of: datetime = DAY) -> set[str]:
    people = lake.createDataFrame([("9",), ("8",), ("7",), ("silent",)], "person_id string")
    return {row["person_id"] for row in consented(people, purpose, as_of).collect()}


def rows(frame: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame.orderBy("event_id", "purpose").select(*columns).collect()]


def test_the_purposes_are_the_contracts() -> None:
    assert tuple(contract().envelope["properties"]["consent"]["properties"]) == PURPOSES
    assert tuple(contract().payloads["consent"][1]["properties"]["purposes"]["properties"]) == PURPOSES


def test_one_row_per_event_and_purpose(lake: SparkSession, settings: Settings) -> None:
    messages = [
        {**said("a", 1, analytics=True, marketing=False), "consent": {"marketing": True, "personalisation": True}},
        copied("b", 2, user="8", personalisation=False),
        event("consent", event_id="c", user_id=None, anonymous_id="x", payload={"purposes": {"marketing": True}}),
        event("page_view", event_id="d", payload={"url": "/", "purposes": {"marketing": False}}, consent={}),
        event(event_id="e"),
    ]
    record(lake, settings, messages)
    table = tables.read(lake, "silver.consents")
    assert rows(table, "event_id", "person_id", "purpose", "is_granted", "said_by", "source", "text_version") == [
        ("a", "9", "analytics", True, "person", "banner", "7"),
        ("a", "9", "marketing", False, "person", "banner", "7"),  # the act, not the copy of before
        ("a", "9", "personalisation", True, "client", None, None),
        ("b", "8", "personalisation", False, "client", None, None),
        ("c", "x", "marketing", True, "person", None, None),
    ]
    assert rows(table.where("event_id = 'b'"), "valid_from", "recorded_at") == [
        (datetime(2017, 3, 2), datetime(2018, 1, 1))
    ]


def test_copies_are_kept_where_they_change_and_the_last_of_each(lake: SparkSession, settings: Settings) -> None:
    copies = [copied(f"{day}", day, personalisation=day not in (5, 6, 7)) for day in range(1, 9)]
    record(lake, settings, [copies[3], *copies[:3], *copies[4:], said("said", 2, marketing=True)])
    kept = tables.read(lake, "silver.consents").orderBy("valid_from", "event_id").select("event_id", "is_granted")
    assert [tuple(row) for row in kept.collect()] == [
        ("1", True), ("said", True), ("4", True), ("5", False), ("7", False), ("8", True)
    ]  # fmt: skip


def test_a_second_run_adds_nothing(lake: SparkSession, settings: Settings) -> None:
    record(lake, settings, [said("a", 1, marketing=True)], [])
    assert tables.read(lake, "silver.consents").count() == 1


HISTORIES = [
    ("the last word counts", [said("a", 1, personalisation=True), said("b", 2, personalisation=False)], False),
    ("however late it comes", [said("b", 2, personalisation=False), said("a", 1, personalisation=True)], False),
    ("agreed again", [said("a", 1, personalisation=False), said("b", 2, personalisation=True)], True),
    ("at one moment the denial", [said("a", 1, personalisation=False), said("b", 1, personalisation=True)], False),
    ("a later denial of a client", [said("a", 1, personalisation=True), copied("b", 2, personalisation=False)], False),
    ("an old copy grants nothing", [said("a", 1, personalisation=False), copied("b", 2, personalisation=True)], False),
    ("its denial of before", [copied("b", 1, personalisation=False), said("a", 2, personalisation=True)], True),
    ("and of the same moment", [copied("b", 1, personalisation=False), said("a", 1, personalisation=True)], True),
    ("a copy alone", [copied("a", 1, personalisation=True)], True),
    ("copies: the last", [copied("a", 2, personalisation=False), copied("b", 1, personalisation=True)], False),
    ("another purpose", [said("a", 1, marketing=True)], False),
    ("another person", [said("a", 1, user="8", personalisation=True)], False),
    ("not said yet", [said("a", 20, personalisation=True)], False),
    ("not withdrawn yet", [said("a", 1, personalisation=True), said("b", 20, personalisation=False)], True),
]


def test_each_history_is_decided_by_the_rule(lake: SparkSession, settings: Settings) -> None:
    """A person per history, all in one table."""
    messages = []
    for number, (_, history, _) in enumerate(HISTORIES):
        for one in history:
            user = f"h{number}" if one["user_id"] == "9" else "somebody else"
            messages.append({**one, "user_id": user, "event_id": f"{number}-{one['event_id']}"})
    record(lake, settings, messages)
    people = lake.createDataFrame([(f"h{n}",) for n in range(len(HISTORIES))], "person_id string")
    found = {row["person_id"] for row in consented(people, "personalisation", DAY).collect()}
    assert {why: f"h{n}" in found for n, (why, _, _) in enumerate(HISTORIES)} == {
        why: is_allowed for why, _, is_allowed in HISTORIES
    }


def test_where_nothing_is_on_record_the_settings_decide(lake: SparkSession, settings: Settings) -> None:
    record(lake, settings, [said("a", 1, analytics=False), said("b", 1, user="8", personalisation=True)])
    assert allowing(lake, "analytics") == {"8", "7", "silent"}
    assert allowing(lake, "personalisation") == {"8"}
    assert allowing(lake, "marketing") == set()
    key = f"{consent.DEFAULT}marketing"
    lake.conf.set(key, "true")
    try:
        assert allowing(lake, "marketing") == {"9", "8", "7", "silent"}
        lake.conf.unset(key)
        with pytest.raises(OperatorError, match=r"does not know the setting consent\.marketing"):
            allowing(lake, "marketing")
    finally:
        lake.conf.set(key, "false")


def test_the_past_is_as_it_was_and_what_came_late_is_told_apart(lake: SparkSession, settings: Settings) -> None:
    record(lake, settings, [said("a", 1, personalisation=True)], [said("b", 5, personalisation=False)])
    assert allowing(lake, as_of=datetime(2017, 3, 4, tzinfo=UTC)) == {"9"}
    assert allowing(lake, as_of=datetime(2017, 3, 5, tzinfo=UTC)) == set()


def test_what_cannot_be_decided_is_an_error(lake: SparkSession) -> None:
    with pytest.raises(OperatorError, match=r"silver\.consents is not built yet.*lakehouse run silver\.consents"):
        allowing(lake)
    with pytest.raises(OperatorError, match="no purpose resale"):
        allowing(lake, "resale")

"""Which events are refused at landing, and that the same are refused when a batch is run again."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.contract import contract
from expectations.schemas import TABLES
from jobs import job
from jobs.lake import tables
from jobs.landing.consent_refusal import with_refusal
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from tests.crash import crash_before
from tests.events import PAYLOADS, event, received

NOON = datetime(2017, 3, 1, 12, tzinfo=UTC)


def statement(user: str, day: int, is_granted: bool, said_by: str = "person", purpose: str = "analytics") -> Any:
    at = datetime(2017, 2, day, tzinfo=UTC)
    return (user, purpose, is_granted, said_by, at, at, None, None, f"c-{user}-{day}")


def record(spark: SparkSession, *rows: Any) -> DataFrame:
    return spark.createDataFrame(list(rows), TABLES["silver.consents"].ddl)


def refused(spark: SparkSession, known: DataFrame, settings: Settings, messages: list[Any]) -> list[str]:
    judged = silver_events.as_judged(received(spark, messages), contract())
    found = with_refusal(judged, known, settings.consent)
    assert found.where("is_refused IS NULL").isEmpty() and found.count() == len(messages)
    return [row["event_id"] for row in found.where("is_refused").select("event.event_id").orderBy("event_id").collect()]


def test_behaviour_is_refused_and_what_a_person_asks_for_is_not(spark: SparkSession, settings: Settings) -> None:
    messages = [event(kind, event_id=kind, consent={"analytics": False}) for kind in PAYLOADS]
    known = record(spark)
    assert refused(spark, known, settings, messages) == sorted(settings.consent.behaviour)
    asked_for = {"consent", "identify", "profile_update", "purchase", "rating", "coupon_redeemed"}
    assert set(settings.consent.behaviour) == set(PAYLOADS) - asked_for


CASES = [
    ("silent", [], None, False),
    ("agrees", [], True, False),
    ("denied", [(1, False)], None, True),
    ("denied, and the copy is old", [(1, False)], True, True),
    ("agreed, and the event says no", [(1, True)], False, True),
    ("agreed", [(1, True)], None, False),
    ("agreed again", [(1, False), (2, True)], None, False),
    ("a client denied", [(1, False, "client")], None, True),
    ("and its next copy agrees", [(1, False, "client")], True, False),
    ("another purpose", [(1, False, "person", "marketing")], None, False),
]


@pytest.mark.parametrize("default", [True, False])
def test_the_record_and_the_event_decide(spark: SparkSession, settings: Settings, default: bool) -> None:
    consent = settings.consent.model_copy(update={"analytics": default})
    rows = [statement(f"u{n}", *one) for n, (_, history, _, _) in enumerate(CASES) for one in history]
    copies = [{} if own is None else {"consent": {"analytics": own}} for _, _, own, _ in CASES]
    messages = [event(event_id=f"e{n}", user_id=f"u{n}", **copy) for n, copy in enumerate(copies)]
    changed = settings.model_copy(update={"consent": consent})
    found = refused(spark, record(spark, *rows), changed, [*messages, "{", {**messages[2], "schema_version": "one"}])
    unheard = {"silent", "another purpose"}
    expected = {why: is_refused or (why in unheard and not default) for why, _, _, is_refused in CASES}
    assert {why: f"e{n}" in found for n, (why, _, _, _) in enumerate(CASES)} == expected


def run(settings: Settings) -> None:
    silver_events.main(settings, job.Options(NOON))


def live(spark: SparkSession, messages: list[Any], first_offset: int = 0) -> DataFrame:
    """Rows of bronze received just now."""
    frame = received(spark, messages, first_offset).localCheckpoint()
    return frame.withColumn("received_at", F.lit(datetime.now(UTC))).localCheckpoint()


def test_refused_events_are_counted_and_lie_in_no_table(lake: SparkSession, settings: Settings) -> None:
    tables.append(record(lake, statement("8", 1, False)), "silver.consents")
    messages = [
        event(event_id="a"),
        event(event_id="b", user_id="8"),
        event("purchase", event_id="c", user_id="8"),
        event(event_id="d", consent={"analytics": False}),
        event(event_id="d", consent={"analytics": False}),  # sent again: refused again
        event(event_id="a"),
        "{",
    ]
    tables.append(live(lake, messages), "bronze.events")
    run(settings)
    assert {row["event_id"] for row in tables.read(lake, "silver.events").collect()} == {"a", "c"}
    assert tables.read(lake, "quarantine.events").count() == 1
    ledger = tables.read(lake, "ops.ledger").collect()[0]
    fates = ("received", "kept", "quarantined", "duplicate", "refused")
    assert [ledger[fate] for fate in fates] == [7, 2, 1, 1, 3]


def test_a_batch_run_again_refuses_the_same(lake: SparkSession, settings: Settings) -> None:
    """The person agrees again between the crash and the second run: what was refused stays refused."""
    tables.append(record(lake, statement("8", 1, False)), "silver.consents")
    tables.append(live(lake, [event(event_id="a"), event(event_id="b", user_id="8")]), "bronze.events")
    with crash_before("ops.ledger"), pytest.raises(Exception, match=r"silver\.events stopped"):
        run(settings)
    tables.append(record(lake, statement("8", 2, True)), "silver.consents")
    run(settings)
    ledger = tables.read(lake, "ops.ledger").collect()[0]
    assert (ledger["kept"], ledger["refused"], tables.read(lake, "silver.events").count()) == (1, 1, 1)
    tables.append(live(lake, [event(event_id="c", user_id="8")], 2), "bronze.events")
    run(settings)
    assert tables.read(lake, "silver.events").count() == 2, "and what comes after is let in"

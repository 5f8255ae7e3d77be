"""Which events are refused at landing, and that the same are refused when a batch is run again."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from expectations.schemas import TABLES
from jobs import job
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.materialized import materialized
from jobs.landing.consent_refusal import decisions_for, with_consent_refusal
from jobs.landing.outcomes import as_judged
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from tests.crash import crash_before
from tests.events import PAYLOADS, event, received

NOON = datetime(2017, 3, 1, 12, tzinfo=UTC)


def statement(user: str, day: int, is_granted: bool, said_by: str = "person", purpose: str = "analytics") -> Any:
    at = datetime(2017, 2, day, tzinfo=UTC)
    return (f"c-{user}-{day}", user, None, None, purpose, is_granted, said_by, at, at, None, None)


def record(spark: SparkSession, *rows: Any) -> DataFrame:
    return spark.createDataFrame(list(rows), TABLES["silver.consents"].ddl)


def refused(spark: SparkSession, statements: DataFrame, settings: Settings, messages: list[Any]) -> list[str]:
    with materialized(as_judged(received(spark, messages), committed_contract())) as judged:
        decisions = decisions_for(judged, statements, settings.consent)
        marked = with_consent_refusal(judged, decisions, settings.consent).localCheckpoint()
    assert marked.where("is_refused IS NULL").isEmpty() and marked.count() == len(messages)
    return [
        row["event_id"] for row in marked.where("is_refused").select("event.event_id").orderBy("event_id").collect()
    ]


def test_behaviour_is_refused_and_what_a_person_asks_for_is_not(spark: SparkSession, settings: Settings) -> None:
    messages = [event(kind, event_id=kind, consent={"analytics": False}) for kind in PAYLOADS]
    statements = record(spark)
    assert refused(spark, statements, settings, messages) == sorted(settings.consent.behaviour)
    asked_for = {"consent", "identify", "profile_update", "purchase", "return", "rating", "coupon_redeemed"}
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
    event_ids = refused(
        spark, record(spark, *rows), changed, [*messages, "{", {**messages[2], "schema_version": "one"}]
    )
    unheard = {"silent", "another purpose"}
    expected = {why: is_refused or (why in unheard and not default) for why, _, _, is_refused in CASES}
    assert {why: f"e{n}" in event_ids for n, (why, _, _, _) in enumerate(CASES)} == expected


def test_what_a_visitor_denied_binds_after_the_login_and_the_reverse(spark: SparkSession, settings: Settings) -> None:
    at = datetime(2017, 2, 1, tzinfo=UTC)
    denied = ("analytics", False, "person", at, at, None, None)
    statements = record(spark, ("v", None, "visitor", None, *denied), ("u", "user", None, None, *denied))
    both = [
        event(event_id="visitor-logged-in", user_id="other", anonymous_id="visitor"),
        event(event_id="user-elsewhere", user_id="user", anonymous_id="new"),
        event(event_id="nobody-of-them", user_id="other", anonymous_id="new"),
    ]
    assert refused(spark, statements, settings, both) == ["user-elsewhere", "visitor-logged-in"]


def run(lake: Lake) -> None:
    silver_events.main(lake, job.Options(NOON))


def live(spark: SparkSession, messages: list[Any], first_offset: int = 0) -> DataFrame:
    """Rows of bronze received just now."""
    frame = received(spark, messages, first_offset).localCheckpoint()
    return frame.withColumn("received_at", F.lit(datetime.now(UTC))).localCheckpoint()


def test_refused_events_are_counted_and_lie_in_no_table(lake: Lake) -> None:
    tables.append(lake, "silver.consents", record(lake.spark, statement("8", 1, False)))
    messages = [
        event(event_id="a"),
        event(event_id="b", user_id="8"),
        event("purchase", event_id="c", user_id="8"),
        event(event_id="d", consent={"analytics": False}),
        event(event_id="d", consent={"analytics": False}),  # sent again: refused again
        event(event_id="a"),
        "{",
    ]
    tables.append(lake, "bronze.events", live(lake.spark, messages))
    run(lake)
    assert {row["event_id"] for row in tables.read(lake, "silver.events").collect()} == {"a", "c"}
    assert tables.read(lake, "quarantine.events").count() == 1
    ledger = tables.read(lake, "ops.ledger").collect()[0]
    outcomes = ("received", "kept", "quarantined", "duplicate", "refused")
    assert [ledger[outcome] for outcome in outcomes] == [7, 2, 1, 1, 3]


def test_a_batch_run_again_refuses_the_same(lake: Lake) -> None:
    """The person agrees again between the crash and the second run: what was refused stays refused."""
    tables.append(lake, "silver.consents", record(lake.spark, statement("8", 1, False)))
    tables.append(lake, "bronze.events", live(lake.spark, [event(event_id="a"), event(event_id="b", user_id="8")]))
    with crash_before("ops.ledger"), pytest.raises(Exception, match=r"silver\.events stopped"):
        run(lake)
    tables.append(lake, "silver.consents", record(lake.spark, statement("8", 2, True)))
    run(lake)
    ledger = tables.read(lake, "ops.ledger").collect()[0]
    assert (ledger["kept"], ledger["refused"], tables.read(lake, "silver.events").count()) == (1, 1, 1)
    tables.append(lake, "bronze.events", live(lake.spark, [event(event_id="c", user_id="8")], 2))
    run(lake)
    assert tables.read(lake, "silver.events").count() == 2, "and what comes after is let in"

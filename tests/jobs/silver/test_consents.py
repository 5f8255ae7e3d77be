"""silver.consents and what follows from it: small histories with a reason per row."""

import itertools
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import PURPOSES, committed_contract
from expectations.nodes import Object
from expectations.schemas import TABLES
from jobs import job
from jobs.errors import OperatorError
from jobs.lake import checkpoints, places, tables
from jobs.lake.lake import Lake
from jobs.landing.outcomes import as_events, as_judged
from jobs.people.personal import personal
from jobs.silver import consents
from tests.events import event, received
from tests.other_lake import changed

DAY = datetime(2017, 3, 9, tzinfo=UTC)


def consent(event_id: str, day: int, user: str = "9", **purposes: bool) -> dict[str, Any]:
    """A consent event of a day of March."""
    payload = {"purposes": purposes, "source": "banner", "text_version": "7"}
    return event(
        "consent", event_id=event_id, user_id=user, occurred_at=f"2017-03-{day:02d}T00:00:00Z", payload=payload
    )


def off(event_id: str, hour: int, user: str = "9", **purposes: bool) -> dict[str, Any]:
    """A consent event, dated so many hours after the first of March began."""
    at = (datetime(2017, 3, 1) + timedelta(hours=hour)).isoformat() + "Z"
    return {**consent(event_id, 1, user, **purposes), "occurred_at": at}


def copied(event_id: str, day: int, user: str = "9", **purposes: bool) -> dict[str, Any]:
    """A client's copy, sent with a page view."""
    at = f"2017-03-{day:02d}T00:00:00Z"
    return event("page_view", event_id=event_id, user_id=user, occurred_at=at, consent=purposes)


def arrived(lake: Lake, messages: list[Any]) -> DataFrame:
    """As rows of bronze, received one hour after the other on 2018-01-01."""
    rows = received(lake.spark, messages)
    return rows.withColumn("received_at", F.col("received_at") + F.make_dt_interval(hours=F.col("offset").cast("int")))


def record(lake: Lake, *batches: list[Any]) -> None:
    """The messages as rows of silver.events, and each batch of them taken up by a run of its own."""
    tables.create(lake, "silver.events", "silver.identities")
    for messages in batches:
        if messages:
            judged = as_judged(arrived(lake, messages), committed_contract())
            assert judged.where("size(reasons) > 0").isEmpty()
            kept = judged.withColumn("outcome", F.lit("kept"))
            tables.append(lake, "silver.events", as_events(kept, late_hours=24))
        consents.main(lake, job.Options(DAY))


def allowing(lake: Lake, purpose: str = "personalisation", as_of: datetime = DAY) -> set[str]:
    return decided(lake, ["9", "8", "7", "silent"], purpose, as_of)


def decided(lake: Lake, people: list[str], purpose: str, as_of: datetime = DAY) -> set[str]:
    """Those of the people who allow the purpose."""
    rows = lake.spark.createDataFrame([(one, 0) for one in people], "user_id string, events long")
    columns = [F.lit(None).alias(name) for name in TABLES["silver.people"].names if name not in rows.columns]
    tables.overwrite(lake, "silver.people", rows.select("*", *columns))
    return {row["person_id"] for row in personal(lake, "silver.people", purpose, as_of).collect()}


def rows(frame: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame.orderBy("event_id", "purpose").select(*columns).collect()]


def test_the_purposes_are_the_contracts() -> None:
    contract = committed_contract()
    for node in (
        contract.envelope.field("consent").node,
        contract.of_type("consent")[1].payload.field("purposes").node,
    ):
        assert isinstance(node, Object) and node.names == PURPOSES


def test_one_row_per_event_and_purpose(lake: Lake) -> None:
    messages = [
        {**consent("a", 1, analytics=True, marketing=False), "consent": {"marketing": True, "personalisation": True}},
        copied("b", 2, user="8", personalisation=False),
        event("consent", event_id="c", user_id=None, anonymous_id="x", payload={"purposes": {"marketing": True}}),
        event("page_view", event_id="d", payload={"url": "/", "purposes": {"marketing": False}}, consent={}),
        event(event_id="e"),
    ]
    record(lake, messages)
    table = tables.read(lake, "silver.consents")
    assert rows(
        table, "event_id", "user_id", "anonymous_id", "purpose", "is_granted", "said_by", "source", "text_version"
    ) == [
        ("a", "9", None, "analytics", True, "person", "banner", "7"),
        ("a", "9", None, "marketing", False, "person", "banner", "7"),  # the act, not the copy of before
        ("a", "9", None, "personalisation", True, "client", None, None),
        ("b", "8", None, "personalisation", False, "client", None, None),
        ("c", None, "x", "marketing", True, "person", None, None),
    ]
    assert rows(table.where("event_id = 'b'"), "valid_from", "recorded_at") == [
        (datetime(2017, 3, 2), datetime(2018, 1, 1, 1))
    ]


def test_copies_are_kept_where_they_change_and_the_last_of_each(lake: Lake) -> None:
    copies = [copied(f"{day}", day, personalisation=day not in (5, 6, 7)) for day in range(1, 9)]
    record(lake, [*copies, consent("said", 2, marketing=True)])
    kept = tables.read(lake, "silver.consents").orderBy("valid_from", "event_id").select("event_id", "is_granted")
    assert [tuple(row) for row in kept.collect()] == [
        ("1", True), ("said", True), ("4", True), ("5", False), ("7", False), ("8", True)
    ]  # fmt: skip


def test_a_second_run_adds_nothing(lake: Lake) -> None:
    record(lake, [consent("a", 1, marketing=True)], [])
    assert tables.read(lake, "silver.consents").count() == 1


HISTORIES = [
    ("the last word counts", [consent("a", 1, personalisation=True), consent("b", 2, personalisation=False)], False),
    ("however late it comes", [consent("b", 2, personalisation=False), consent("a", 1, personalisation=True)], False),
    ("agreed again", [consent("a", 1, personalisation=False), consent("b", 2, personalisation=True)], True),
    (
        "at one moment the denial",
        [consent("a", 1, personalisation=False), consent("b", 1, personalisation=True)],
        False,
    ),
    (
        "a later denial of a client",
        [consent("a", 1, personalisation=True), copied("b", 2, personalisation=False)],
        False,
    ),
    (
        "an old copy grants nothing",
        [consent("a", 1, personalisation=False), copied("b", 2, personalisation=True)],
        False,
    ),
    ("its denial of before", [copied("b", 1, personalisation=False), consent("a", 2, personalisation=True)], True),
    ("and of the same moment", [copied("b", 1, personalisation=False), consent("a", 1, personalisation=True)], True),
    (
        "an old copy that comes late",
        [consent("a", 2, personalisation=True), copied("b", 1, personalisation=False)],
        True,
    ),
    ("a copy alone", [copied("a", 1, personalisation=True)], True),
    ("copies: the last", [copied("a", 2, personalisation=False), copied("b", 1, personalisation=True)], False),
    ("another purpose", [consent("a", 1, marketing=True)], False),
    ("another person", [consent("a", 1, user="8", personalisation=True)], False),
    (
        "withdrawn by a clock hours behind",
        [consent("a", 2, personalisation=True), off("b", 12, personalisation=False)],
        False,
    ),
    ("not by one days behind", [consent("a", 5, personalisation=True), off("b", 12, personalisation=False)], True),
    (
        "what comes late grants nothing",
        [off("b", 36, personalisation=False), consent("a", 2, personalisation=True)],
        False,
    ),
    (
        "agreed by the same clock",
        [
            consent("a", 2, personalisation=True),
            off("b", 12, personalisation=False),
            off("c", 13, personalisation=True),
        ],
        True,
    ),
    ("not said yet", [consent("a", 20, personalisation=True)], False),
    ("not withdrawn yet", [consent("a", 1, personalisation=True), consent("b", 20, personalisation=False)], True),
]


def test_each_history_is_decided_by_the_rule(lake: Lake) -> None:
    """A person per history, all in one table."""
    messages = []
    for number, (_, history, _) in enumerate(HISTORIES):
        for one in history:
            user = f"h{number}" if one["user_id"] == "9" else "somebody else"
            messages.append({**one, "user_id": user, "event_id": f"{number}-{one['event_id']}"})
    record(lake, messages)
    decisions = decided(lake, [f"h{n}" for n in range(len(HISTORIES))], "personalisation", DAY)
    assert {why: f"h{n}" in decisions for n, (why, _, _) in enumerate(HISTORIES)} == {
        why: is_allowed for why, _, is_allowed in HISTORIES
    }


def test_a_withdrawal_of_the_future_counts_from_its_arrival(lake: Lake) -> None:
    future = {**consent("a", 1, personalisation=False), "occurred_at": "2031-01-01T00:00:00Z"}
    record(lake, [future, {**consent("b", 1, personalisation=True), "occurred_at": "2018-01-01T00:30:00Z"}])
    [row] = tables.read(lake, "silver.consents").where("NOT is_granted").collect()
    assert row["valid_from"] == row["recorded_at"] == datetime(2018, 1, 1)
    later = datetime(2018, 2, 1, tzinfo=UTC)
    assert allowing(lake, as_of=later) == {"9"}, "and a grant of after it counts"


def test_what_was_said_under_one_id_counts_for_both(lake: Lake) -> None:
    visitor = {**consent("a", 1, personalisation=False), "user_id": None, "anonymous_id": "v"}
    record(lake, [visitor, consent("b", 1, personalisation=True), consent("c", 1, user="8", personalisation=True)])
    pairs = [("9", "v"), ("9", None), ("8", "other"), (None, "v")]
    rows = lake.spark.createDataFrame(pairs, "user_id string, anonymous_id string").withColumn("events", F.lit(0))
    columns = [F.lit(None).alias(name) for name in TABLES["silver.people"].names if name not in rows.columns]
    tables.overwrite(lake, "silver.people", rows.select("*", *columns))
    allowed = personal(lake, "silver.people", "personalisation", DAY).groupBy("person_id").count().collect()
    assert {row["person_id"]: row["count"] for row in allowed} == {"9": 1, "8": 1}


def test_who_is_who_must_be_known(lake: Lake) -> None:
    tables.create(lake, "silver.events")
    consents.main(lake, job.Options(DAY))
    with pytest.raises(OperatorError, match=r"silver\.identities is not built yet.*lakehouse run silver\.identities"):
        allowing(lake)


def test_where_nothing_is_on_record_the_settings_decide(lake: Lake) -> None:
    record(lake, [consent("a", 1, analytics=False), consent("b", 1, user="8", personalisation=True)])
    assert allowing(lake, "analytics") == {"8", "7", "silent"}
    assert allowing(lake, "personalisation") == {"8"}
    assert allowing(lake, "marketing") == set()
    assert allowing(changed(lake, consent={"marketing": True}), "marketing") == {"9", "8", "7", "silent"}


def test_the_past_is_as_it_was_and_what_came_late_is_told_apart(lake: Lake) -> None:
    record(lake, [consent("a", 1, personalisation=True)], [consent("b", 5, personalisation=False)])
    assert allowing(lake, as_of=datetime(2017, 3, 4, tzinfo=UTC)) == {"9"}
    assert allowing(lake, as_of=datetime(2017, 3, 5, tzinfo=UTC)) == set()


def test_what_cannot_be_decided_is_an_error(lake: Lake) -> None:
    with pytest.raises(OperatorError, match=r"silver\.consents is not built yet.*lakehouse run silver\.consents"):
        allowing(lake)
    with pytest.raises(OperatorError, match="no purpose resale"):
        allowing(lake, "resale")


def test_made_anew_of_all_events_it_says_the_same(lake: Lake) -> None:
    messages = [
        consent("a", 1, personalisation=True),
        copied("b", 2, personalisation=False),
        copied("c", 3, analytics=False),
    ]
    record(lake, messages[:1], messages[1:])
    before = rows(tables.read(lake, "silver.consents"), *TABLES["silver.consents"].names)
    shutil.rmtree(places.checkpoint(lake.root, "silver.consents"))
    with pytest.raises(OperatorError, match="lakehouse streams rebuild silver.consents"):
        record(lake, [])
    consents.rebuild(lake)
    record(lake, [], [consent("d", 4, marketing=True)])
    after = rows(tables.read(lake, "silver.consents"), *TABLES["silver.consents"].names)
    assert after[: len(before)] == before and [row[0] for row in after[len(before) :]] == ["d"]


def test_what_comes_after_it_was_decided_changes_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame may be used long after it was made: streams go on meanwhile, and executors go with what they hold."""
    record(lake, [consent("c", 1, "9", analytics=False), consent("d", 1, "8", analytics=True)])
    decided(lake, ["8"], "analytics")
    held = {*lake.spark.sparkContext._jsc.getPersistentRDDs().keys()}
    frames = {}
    for most_held, is_allowed_unasked in itertools.product((100_000, 0), (True, False)):
        monkeypatch.setattr("jobs.people.personal.BROADCAST_ROWS", most_held)
        unasked = changed(lake, consent={"analytics": is_allowed_unasked})
        frames[most_held, is_allowed_unasked] = personal(unasked, "silver.people", "analytics", DAY)
    tables.append(lake, "silver.people", tables.read(lake, "silver.people").withColumn("user_id", F.lit("9")))
    record(lake, [consent("e", 2, "9", analytics=True), consent("f", 2, "8", analytics=False)])
    for number, rdd in lake.spark.sparkContext._jsc.getPersistentRDDs().items():
        if number not in held:
            rdd.unpersist(True)
    for case, frame in frames.items():
        assert {row["person_id"] for row in frame.collect()} == {"8"}, case


def test_a_table_that_holds_only_other_rows_is_not_filled_by_the_stream(lake: Lake) -> None:
    tables.create(lake, "ops.ledger")
    any_row, lost, judged = ({"ops.ledger": where} for where in ("true", "lost > 0", "received > 0"))
    checkpoints.require_empty(lake, "silver.events", "silver.events", any_row)
    row = dict.fromkeys(TABLES["ops.ledger"].names) | {"topic": "t", "partition": 0, "received": 0, "lost": 3}
    types = ", ".join(f"{name} {type_}" for name, type_ in TABLES["ops.ledger"].types.items())
    tables.append(lake, "ops.ledger", lake.spark.createDataFrame([tuple(row.values())], types))
    checkpoints.require_empty(lake, "silver.events", "silver.events", judged)
    with pytest.raises(OperatorError, match="its checkpoint is lost"):
        checkpoints.require_empty(lake, "silver.events", "silver.events", lost)

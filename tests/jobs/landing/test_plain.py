"""Plain messages land as the exact way would have them land, and no message is plain that is not."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from expectations.event_time import untimely
from expectations.schemas import TABLES
from expectations.validation import with_validation
from jobs import job
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing import plain
from jobs.landing.reading import Reader, as_received
from jobs.silver import events as silver_events
from tests.events import PAYLOADS, event, received
from tests.jobs.bronze.test_fuzz import PROTECTION
from tests.other_lake import rooted

FILLED = ("silver.events", "quarantine.events", "ops.ledger")
DENIED = [("u1", None), (None, "v1"), ("u2", "v2")]


def statements(lake: Lake) -> DataFrame:
    """Denials of three pairs of ids, the last of which agreed again."""
    then = datetime(2017, 2, 1, tzinfo=UTC)
    rows = [(*ids, "analytics", False, then) for ids in DENIED] + [(*DENIED[2], "analytics", True, then.replace(day=3))]
    rows += [("u3", None, "marketing", False, then)]
    columns = [
        (f"c-{number}", user, visitor, None, purpose, is_granted, "person", at, at, None, None)
        for number, (user, visitor, purpose, is_granted, at) in enumerate(rows)
    ]
    return lake.spark.createDataFrame(columns, TABLES["silver.consents"].ddl)


def drawn(draw: random.Random, many: int) -> list[Any]:
    """Events of every kind by few people, of which every tenth id comes twice and one in six has something odd."""
    odd: list[dict[str, Any]] = [
        {"occurred_at": "1999-12-31T23:59:59Z"},
        {"occurred_at": (datetime.now(UTC) + timedelta(days=2)).isoformat()},
        {"occurred_at": "2017-03-01t10:15:02.5+02:00"},
        {"occurred_at": "2024-02-29T00:00:00z"},
        {"consent": {"analytics": False}},
        {"consent": {"analytics": True}},
        {"consent": {"marketing": False}},
        {"session_id": "zażółć"},
        {"unknown": 1},
        {"user_id": "", "anonymous_id": "v1"},
        {"schema_version": 7},
    ]
    messages: list[Any] = []
    for number in range(many):
        kind = draw.choice([*PAYLOADS])
        ids = {
            "user_id": draw.choice([f"u{n}" for n in range(9)]),
            "anonymous_id": draw.choice([f"v{n}" for n in range(9)]),
        }
        event_id = f"e-{draw.randrange(number + 1) if draw.random() < 0.1 else number}"
        own = {"consent": {"analytics": True}} if draw.random() < 0.6 else {}
        messages.append(
            event(kind, event_id=event_id, **ids, **own) | (draw.choice(odd) if draw.random() < 1 / 6 else {})
        )
    later = {"query": None, "text": "milk", "results": 3}
    messages.append(event("search", event_id="second", schema_version=2, payload={"text": "milk", "results": 3}))
    return [*messages, "{", event(event_id="other", payload={"item_id": 5}), later]


def arrived(lake: Lake, messages: list[Any], at: datetime, first_offset: int = 0) -> DataFrame:
    """The messages as bronze.events has them, received at one moment."""
    rows = received(lake.spark, messages, first_offset)
    given = rows.select("topic", "topic_id", "partition", "offset", "key", "value", F.lit(at).alias("timestamp"))
    reader = Reader(committed_contract, None, PROTECTION)
    return as_received(given.localCheckpoint(), reader, committed_contract()).localCheckpoint()


def land(lake: Lake, messages: list[Any], at: datetime, first_offset: int) -> None:
    """Into bronze.events and the tables of silver."""
    tables.append(lake, "bronze.events", arrived(lake, messages, at, first_offset))
    silver_events.main(lake, job.Options(job.moment("2018-01-01")))


def rows_of(lake: Lake, name: str) -> list[str]:
    """What a table has, but for what is encrypted, which is other bytes each time."""
    frame = tables.read(lake, name)
    if "sealed_by" in frame.columns:
        frame = frame.withColumn("value", F.when(F.col("sealed_by").isNull(), F.col("value")))
    return sorted(row[0] for row in frame.select(F.to_json(F.struct("*"), {"ignoreNullFields": "false"})).collect())


@pytest.mark.parametrize("default", [True, False], ids=["allowed unasked", "denied unasked"])
def test_both_ways_land_the_same(lake: Lake, default: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    consent = lake.settings.consent.model_copy(update={"analytics": default})
    chosen = Lake(lake.spark, lake.settings.model_copy(update={"consent": consent}))
    lakes = [rooted(chosen, f"{lake.root}/{way}") for way in ("exact", "plain")]
    for own in lakes:
        tables.append(own, "silver.consents", statements(own))
    messages, now, ways, judged = drawn(random.Random(7), 1_200), datetime.now(UTC), [], [0, 0]
    as_judged = silver_events.as_judged
    for way, (own, few) in enumerate(zip(lakes, (plain.FEW, 10), strict=True)):

        def counted(rows: DataFrame, *rest: Any, way: int = way) -> DataFrame:
            judged[way] += rows.count()
            return as_judged(rows, *rest)

        monkeypatch.setattr(plain, "FEW", few)
        monkeypatch.setattr(silver_events, "as_judged", counted)
        land(own, messages[:600], now, 0)
        land(own, [*messages[600:], *messages[:100]], now, 600)
        ways.append({name: rows_of(own, name) for name in FILLED})
    assert ways[0] == ways[1]
    assert all(len(rows) > 1 for rows in ways[0].values())
    assert judged[0] == len(messages) + 100 and judged[1] < 0.9 * judged[0]
    for own in lakes:  # and the record was asked: the agreement of u2 and v2 holds for a row that one of them stands in
        behaviour = tables.read(own, "silver.events").where(F.col("event_type").isin(list(consent.behaviour)))
        assert behaviour.where("user_id = 'u1' AND anonymous_id <> 'v2'").isEmpty()
        assert behaviour.where("user_id IS DISTINCT FROM 'u2' AND anonymous_id = 'v1'").isEmpty()
        assert not behaviour.where("user_id = 'u1' AND anonymous_id = 'v2'").isEmpty()


def test_what_is_plain_is_valid_in_time_and_may_be_counted(lake: Lake) -> None:
    contract = committed_contract()
    bronze = arrived(lake, drawn(random.Random(8), 600), datetime.now(UTC))
    plain_ones = bronze.where(plain.is_plain(contract))
    assert bronze.count() > plain_ones.count() > 300
    judged = plain_ones.drop("valid_by", "event_hash").transform(with_validation(contract)).localCheckpoint()
    is_wrong = (F.size("reasons") > 0) | untimely().isNotNull() | ~F.coalesce("event.consent.analytics", F.lit(True))
    assert judged.where(is_wrong).isEmpty()
    noted = bronze.where("event_hash IS NOT NULL").select("offset", "event_hash")
    parsed = judged.select("offset", F.xxhash64("event.event_id").alias("event_hash"))
    assert sorted(map(tuple, noted.collect())) == sorted(map(tuple, parsed.collect()))
    assert bronze.where(plain.is_plain(contract.with_version(contract.versions[0]))).count() in (0, plain_ones.count())

"""Memberships of random people by the rules that ship and by random ones, beside the plainest evaluation there is; and
one person of a hundred thousand events."""

import random
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from expectations.contract import committed_contract
from jobs.segment_rules.definitions import Segment, segments_of
from jobs.segment_rules.tracks import rules_of
from jobs.segment_rules.vocabulary import Vocabulary, event_fields
from jobs.segments.batch import memberships
from tests.jobs.segment_rules.histories import (
    HOUR,
    LEARNED,
    MINUTE,
    NOW,
    drawn_history,
    drawn_rule,
    frame,
    holds,
    items,
)

FIELDS = event_fields(committed_contract())
SHIPPED = tomllib.loads((Path(__file__).parents[3] / "conf" / "segments.toml").read_text(encoding="utf-8"))
PEOPLE = 2_000


def segments(**rules: str) -> dict[str, Segment]:
    """Those that ship, and some more."""
    more = {name: {"title": "t", "purpose": "marketing", "owner": "o", "rule": rule} for name, rule in rules.items()}
    return segments_of({**SHIPPED, **more}, Vocabulary(FIELDS, scores={"intent": LEARNED}))


def moment(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


def test_memberships_are_those_of_the_plainest_evaluation(spark: SparkSession) -> None:
    draw = random.Random(7)
    histories = {f"p{n}": drawn_history(draw) for n in range(PEOPLE)}
    known = segments(**{f"drawn_{n}": drawn_rule(draw) for n in range(40)}, not_a_buyer='not member("buyers")')
    of_all = {name: segment.expression for name, segment in known.items()}
    about = {person: {"loyalty": draw.choice(("gold", "none"))} for person in histories if draw.random() < 0.5}
    rules = rules_of(known.values(), known, FIELDS)
    events, catalogue = frame(spark, histories, draw).localCheckpoint(), items(spark)
    attributes = spark.createDataFrame([*about.items()], "person_id string, attributes map<string, string>")
    before: dict[str, set[str]] = {}
    untils: dict[str, datetime] = {}
    never = {*known}
    for later in (0, 1, 26 * HOUR):
        rows = memberships(events, catalogue, attributes, rules, moment(NOW + later)).collect()
        now = {row["person_id"]: {*row["segment_ids"]} for row in rows}
        assert len(now) == len(rows), "one row per person"
        expected = {
            person: {
                name
                for name, expression in of_all.items()
                if holds(expression, history, of_all, NOW + later, about.get(person))
            }
            for person, history in histories.items()
        }
        wrong = {
            (person, name, known[name].text)
            for person in histories
            for name in now.get(person, set()) ^ expected[person]
        }
        assert not wrong, sorted(wrong)[:3]
        for person, until in untils.items():
            if until.replace(tzinfo=UTC) > moment(NOW + later):
                assert now.get(person, set()) == before[person], f"{person}: another before {until}"
        before = {person: now.get(person, set()) for person in histories}
        untils = {row["person_id"]: row["until"] or datetime.max for row in rows}
        assert all(until.replace(tzinfo=UTC) > moment(NOW + later) for until in untils.values())
        never -= set().union(*expected.values())
    assert not never & {*SHIPPED}, "nobody was ever in: the histories say nothing of these"


def test_a_person_of_a_hundred_thousand_events_is_one_person(spark: SparkSession) -> None:
    """In batches of 10,000 rows, between others."""
    known = segments(busy='count("product_view") == 100000 and distinct("product_view", "item_id", within="24h") == 1')
    rules = rules_of([known["busy"], known["view_abandoners"]], known, FIELDS)
    view = {"event_type": "product_view", "context": {}, "payload": {"item_id": "boot"}}
    histories = {person: [{**view, "at": NOW - n * MINUTE} for n in range(100_000)] for person in ("p",)}
    histories |= {f"{person}{n}": [{**view, "at": NOW}] for person in "az" for n in range(100)}
    attributes = spark.createDataFrame([], "person_id string, attributes map<string, string>")
    events = frame(spark, histories, random.Random(1))
    rows = memberships(events, items(spark), attributes, rules, moment(NOW)).collect()
    assert {row["person_id"]: row["segment_ids"] for row in rows if row["segment_ids"]} == {"p": ["busy"]}

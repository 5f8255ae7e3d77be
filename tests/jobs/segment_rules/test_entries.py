"""What one event is to the tracks of a rule, how far back rules look, and that what is older makes no difference."""

import random
from typing import Any

import pyarrow as pa
import pytest

from expectations.contract import committed_contract
from jobs.segment_rules.entries import Items, entries_of, person_of
from jobs.segment_rules.parsing import parse
from jobs.segment_rules.person import NEVER, SECOND, Person
from jobs.segment_rules.tracks import Rules
from jobs.segment_rules.vocabulary import Vocabulary, event_fields
from jobs.segments.columns import whole_people
from tests.jobs.segment_rules.histories import DAY, ITEMS, NOW, Event, drawn_history, drawn_rule

FIELDS = event_fields(committed_contract())
VOCABULARY = Vocabulary(FIELDS, segments=("buyers",))
KNOWN = {"buyers": parse('any("purchase", within="30d")', "buyers", VOCABULARY)}
BOOTS = {"item_id": "boot", "amount": 20.0, "quantity": 1.0}
COAT = {"item_id": "coat", "amount": 0.1, "quantity": 2.0, "discount": None}


def rules(text: str) -> Rules:
    return Rules({"s": parse(text, "s", VOCABULARY)}, KNOWN, FIELDS)


def purchase(*lines: dict[str, Any], **payload: Any) -> dict[str, Any]:
    return {
        "event_type": "purchase",
        "occurred_at": 5,
        "context": {"device_type": "app"},
        "payload": {"lines": [*lines], **payload},
        "lines": [*lines],
    }


@pytest.mark.parametrize(
    ("rule", "event", "values", "reason"),
    [
        ('any("purchase")', purchase(BOOTS), (), "no field is asked for"),
        ('any("purchase", category="Shoes")', purchase(COAT, BOOTS), (), "one of its lines, of a category below"),
        ('any("purchase", category="Shoes")', purchase(COAT), None, "of no line"),
        ('any("purchase", category="Shoes", quantity=2)', purchase(COAT, BOOTS), None, "no one line has both"),
        ('any("purchase", category="Shoes", device_type="app")', purchase(BOOTS), (), "a line, and the event"),
        ('any("purchase", device_type="web")', purchase(BOOTS), None, "another device"),
        ('any("purchase", store_id="1")', purchase(BOOTS), None, "of which nothing is said"),
        ('any("purchase", store_id=("1", "2"))', purchase(BOOTS, store_id="2"), (), "one of several"),
        ('sum("purchase", "amount") > 1', purchase(COAT, BOOTS), ((100_000, 20_000_000),), "of all lines"),
        ('sum("purchase", "amount", brand="Own", quantity=1) > 1', purchase(COAT, BOOTS), ((20_000_000,),), "of one"),
        ('sum("purchase", "discount") > 1', purchase(COAT, BOOTS), ((),), "of what is missing nothing"),
        ('sum("purchase", "amount") > 1', purchase({"amount": 1e300}), ((10**18,),), "no number is without bounds"),
        ('distinct("purchase", "category") > 1', purchase(COAT, BOOTS), (("Clothes", "Boots"),), "the narrowest"),
        ('distinct("purchase", "brand") > 1', purchase({"item_id": "gift"}), ((),), "an item without a brand"),
        ('any("purchase", category="Shoes")', purchase({"item_id": "unlisted"}), None, "no such item"),
    ],
)
def test_what_an_event_is_to_a_track(rule: str, event: dict[str, Any], values: Any, reason: str) -> None:
    seen = [entry for _, entry in entries_of(event, rules(rule).selections["purchase"], ITEMS)]
    assert seen == ([] if values is None else [(5, values)]), reason


def test_an_event_about_one_item_is_its_own_line() -> None:
    event = {"event_type": "product_view", "occurred_at": 5, "context": None, "payload": {"item_id": "heel"}}
    its = rules('distinct("product_view", "item_id", category="Sale") > 1').selections["product_view"]
    assert [entry for _, entry in entries_of(event, its, ITEMS)] == [(5, (("heel",),))]


@pytest.mark.parametrize(
    ("rule", "days", "reason"),
    [
        ('any("purchase")', None, "for ever"),
        ('any("purchase", within="30d")', 30, "its window"),
        ('any("purchase", within="30d") and last("purchase", within="60d") < ago("40d")', 60, "the longest"),
        ('any("purchase", within="30d") and count("purchase") > 3', None, "for ever is longer"),
        ('any("purchase", after=ago("7d"))', 7, "nothing before the bound counts"),
        ('any("purchase", before=ago("7d"))', None, "all before it does"),
        ('any("purchase", after=last("search", within="2d"))', 2, "later than what is in a window"),
        ('any("purchase", after=last("search"))', None, "which may be long ago"),
        ('any("purchase", within="session")', 1, "a session is a day long at most"),
        ('sequence("search", "purchase", gap="1h", within="3d")', 3, "both within"),
        ('member("buyers")', 30, "by the other's rule"),
    ],
)
def test_how_far_back_a_rule_looks(rule: str, days: float | None, reason: str) -> None:
    reach = {track.event_type: length for track, length in rules(rule).reach.items()}
    assert reach["purchase"] == (None if days is None else days * 86_400 * SECOND), reason


def of(history: list[Event], asked: Rules, since: dict[Any, int | None], items: Items) -> Person:
    entries: dict[Any, list[Any]] = {}
    for event in history:
        plain = {**event, "occurred_at": event["at"], "lines": event["payload"].get("lines")}
        for track, entry in entries_of(plain, asked.selections.get(event["event_type"], ()), items):
            reach = since.get(track)
            if reach is None or entry.at > NOW - reach:
                entries.setdefault(track, []).append(entry)
    cut = NOW - DAY if since else 0
    return person_of(entries, asked, [event["at"] for event in history if event["at"] > cut])


def test_without_what_is_too_long_ago_a_rule_says_the_same_now_and_later() -> None:
    draw = random.Random(5)
    for _ in range(1_500):
        asked, history = rules(drawn_rule(draw)), drawn_history(draw)
        whole, pruned = of(history, asked, {}, ITEMS), of(history, asked, asked.reach, ITEMS)
        now = NOW
        for _ in range(4):
            outcome = asked.evaluators["s"](whole, now)
            assert asked.evaluators["s"](pruned, now) == outcome
            if outcome[1] == NEVER:
                break
            now = int(outcome[1])


def test_who_straddles_batches_is_one_table() -> None:
    def batch(text: str) -> pa.RecordBatch:
        return pa.record_batch({"person_id": pa.array([*text], pa.string())})

    for batches in (["aab", "bbc", "c"], ["a", "a", "a"], ["ab", "", "b", "cd"], ["abc"], [""]):
        tables = [table.column("person_id").to_pylist() for table in whole_people(map(batch, batches))]
        seen = [{*one} for one in tables]
        assert "".join(one for table in tables for one in table) == "".join(batches)
        assert sum(map(len, seen)) == len(set().union(*seen)), "nobody is in two tables"
    assert len([*whole_people(map(batch, ["a", "b", "c"]))]) == 3, "nobody waits for the next but one"

"""What rules come to: a table of instants with a reason per row, and random rules and histories: until an outcome says
that it may change, it does not."""

import math
import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contract import committed_contract
from jobs.segment_rules.evaluation import compiled
from jobs.segment_rules.parsing import parse
from jobs.segment_rules.person import NEVER, SECOND, SESSION_GAP, Person, Seen
from jobs.segment_rules.rule import Track
from jobs.segment_rules.vocabulary import ScoreModel, Vocabulary, event_fields
from tests.jobs.segment_rules.histories import drawn_window

HOUR = 3600 * SECOND
MODEL = ScoreModel("1", -math.log(2), {"product_view": 1.0, "add_to_cart": 2.0, "minutes": 0.0})
"""With n views and m times into the cart the odds are (1 + n) (1 + m)^2 / 2."""
VOCABULARY = Vocabulary(event_fields(committed_contract()), segments=("buyers",), scores={"intent": MODEL})
LETTERS = {"p": "purchase", "c": "add_to_cart", "v": "product_view"}
SUMMED = {"purchase": "amount", "add_to_cart": "quantity", "product_view": "price"}


def person(history: str) -> Person:
    """`v0 c1 p2.5`: a view at hour 0, a cart at 1, a purchase at half past 2, each of amount 10 and category A."""
    events = sorted((round(float(one[1:]) * HOUR), LETTERS[one[0]]) for one in history.split())
    tracks = {}
    for event_type in LETTERS.values():
        instants = [at for at, of in events if of == event_type]
        values: Mapping[str, Sequence[Sequence[int | str | bool]]] = {
            SUMMED[event_type]: [[10_000_000]] * len(instants),
            "category": [["A"]] * len(instants),
        }
        for where in ((), (("category", ("A",)),)):
            tracks[Track(event_type, where)] = Seen(instants, values)
    return Person(tracks, [at for at, _ in events])


@pytest.mark.parametrize(
    ("rule", "history", "hour", "value", "until", "reason"),
    [
        ('any("purchase", within="2h")', "p1", 1, True, 3, "from its own instant"),
        ('any("purchase", within="2h")', "p1", 2.999, True, 3, "until two hours later"),
        ('any("purchase", within="2h")', "p1", 3, False, None, "and not at that instant"),
        ('any("purchase", within="2h")', "p1", 0.5, False, 1, "what is yet to come counts for nothing"),
        ('count("purchase", within="2h") > 1', "p1 p2", 2.5, True, 3, "the first leaves the window"),
        ('count("purchase") > 1', "p1 p2", 99, True, None, "for ever"),
        ('any("purchase", category="A")', "p1", 1, True, None, "of that category"),
        ('any("purchase", category="B")', "p1", 1, False, None, "of another"),
        ('sum("purchase", "amount", within="2h") >= 20', "p1 p2", 2, True, 3, "10 and 10"),
        ('distinct("purchase", "category") == 1', "p1 p2", 2, True, None, "A and A"),
        ('last("purchase") < ago("1h")', "p1", 2, False, 2 + 1 / HOUR, "an hour ago is not longer ago"),
        ('last("purchase") < ago("1h")', "p1", 2 + 1 / HOUR, True, None, "a microsecond later it is"),
        ('last("purchase") < ago("1h")', "", 5, False, None, "what never was is not long ago"),
        ('not last("purchase") < ago("1h")', "", 5, True, None, "and not is not of what is missing"),
        ('any("purchase", after=last("add_to_cart"))', "c1 p1", 2, False, None, "at the same instant is not after"),
        ('any("purchase", after=last("add_to_cart"))', "c1 p1.5", 2, True, None, "half an hour later is"),
        ('any("purchase", after=last("add_to_cart"))', "p1", 2, False, None, "after what never was is nothing"),
        ('any("purchase", before=ago("1h"))', "p1", 2, False, 2 + 1 / HOUR, "an hour ago is not before an hour ago"),
        ('any("purchase", after=ago("1h"))', "p1", 1.5, True, 2, "as within"),
        ('sequence("product_view", "purchase", gap="1h")', "v1 p2", 2, True, None, "an hour is within an hour"),
        ('sequence("product_view", "purchase", gap="1h")', "v1 p2.1", 3, False, None, "more is not"),
        ('sequence("product_view", "purchase")', "v1 p1", 3, False, None, "equal instants are no sequence"),
        ('sequence("product_view", "purchase", without="add_to_cart")', "v1 c2 p3", 3, False, None, "a cart between"),
        ('sequence("product_view", "purchase", without="add_to_cart")', "v1 c2 v2.5 p3", 3, True, None, "not after it"),
        ('sequence("product_view", "purchase", within="3h")', "v1 p3", 3, True, 4, "until the view leaves"),
        ('count("product_view", within="session") > 1', "v1 v1.4", 1.5, True, 1.9, "until half an hour of nothing"),
        (
            'count("product_view", within="session") > 1',
            "v1 v1.5",
            1.5,
            False,
            2,
            "half an hour apart are two sessions",
        ),
        ('sum("purchase", "amount") / count("purchase") > 5', "", 1, False, None, "divided by none"),
        ('sum("purchase", "amount") / count("purchase") > 5', "p1", 1, True, None, "10"),
        ('score("intent") > 0', "", 1, False, None, "no session"),
        ('score("intent") < 0.51', "v1", 1, True, 1.5, "odds of 1, until the session is over"),
        ('score("intent") > 0.49', "v1", 1.5, False, None, "then there is none"),
        ('score("intent") > 0.59', "v1 v1.25", 1.25, True, 1.75, "odds of 1.5"),
        ('score("intent") > 0.7', "v1 c1.25", 1.1, False, 1.25, "not before the cart"),
        ('score("intent") > 0.79', "v1 c1.25", 1.25, True, 1.75, "odds of 4"),
        ('score("intent") > 0', "v1 p1.25", 1.25, False, 1.75, "bought already"),
        ('score("intent") > 0', "p1 v1.25", 1.25, False, 1.75, "bought at first"),
        ('attribute("loyalty") != "gold"', "", 1, False, None, "no such attribute: not even another"),
        ('member("buyers") and not any("product_view")', "p1", 1, True, None, "by another segment's rule"),
    ],
)
def test_a_rule_at_an_instant(
    rule: str, history: str, hour: float, value: bool, until: float | None, reason: str
) -> None:
    segments = {"buyers": parse('any("purchase")', "buyers", VOCABULARY)}
    outcome = compiled(parse(rule, "s", VOCABULARY), segments)(person(history), round(hour * HOUR))
    assert outcome == (value, NEVER if until is None else round(until * HOUR)), reason


def drawn_rule(draw: random.Random, depth: int = 2) -> str:
    if depth and draw.random() < 0.6:
        parts = [drawn_rule(draw, depth - 1) for _ in range(2)]
        return draw.choice([f"({parts[0]} and {parts[1]})", f"({parts[0]} or {parts[1]})", f"not {parts[0]}"])
    event, other = (f'"{draw.choice([*LETTERS.values()])}"' for _ in range(2))
    number = f'"{SUMMED[event[1:-1]]}"'
    duration = f'"{draw.randint(1, 6)}h"'
    window = drawn_window(draw, other, duration, duration)
    return draw.choice(
        [
            f"any({event}{window})",
            f"count({event}{window}) {draw.choice(['<', '<=', '==', '>'])} {draw.randint(0, 3)}",
            f"sum({event}, {number}{window}) / count({event}) > {draw.randint(5, 10)}",
            f"last({event}{window}) {draw.choice(['<', '<=', '>', '>='])} ago({duration})",
            f"ago({duration}) {draw.choice(['<', '==', '>='])} first({event})",
            f"last({event}) < last({other}{window})",
            f"sequence({event}, {other}, gap={duration}, without={event}, within={duration})",
            f"sequence({event}, {other})",
            f'score("intent") {draw.choice(["<", ">="])} 0.{draw.randint(3, 9)}',
        ]
    )


def drawn_history(draw: random.Random) -> str:
    return " ".join(f"{draw.choice('pcv')}{draw.randint(0, 40) / 4}" for _ in range(draw.randint(0, 12)))


@settings(max_examples=500)
@given(st.randoms(use_true_random=False))
def test_nothing_changes_before_it_says_so(draw: random.Random) -> None:
    text, history = drawn_rule(draw), drawn_history(draw)
    evaluate, known = compiled(parse(text, "s", VOCABULARY), {}), person(history)
    now, end = draw.randint(0, 12) * HOUR // 2, 20 * HOUR
    instants = sorted({*range(now, end, HOUR // 4), *[at + one for at in range(0, end, HOUR // 4) for one in (-1, 1)]})
    value, until = evaluate(known, now)
    assert until > now
    for at in (one for one in instants if one > now):
        later = evaluate(known, at)
        if at < until:
            assert later[0] == value, (text, history, now / HOUR, at / HOUR)
        else:
            value, until = later
            assert until > at
    assert SESSION_GAP == 2 * HOUR // 4

"""Random histories of people, events as silver.events has them, and what a rule comes to for one by the plainest way:
every function goes through all events anew, by list comprehensions. It shares no line with what it is compared with."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_schema

from expectations.schemas import TABLES
from jobs.segment_rules import rule
from jobs.segment_rules.rule import Expression, Track, Window
from jobs.segment_rules.vocabulary import ScoreModel

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
NOW = round(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()) * SECOND
ITEMS: dict[str, tuple[list[str] | None, str | None]] = {
    "boot": (["Shoes", "Boots"], "Own"),
    "heel": (["Shoes", "Heels", "Sale"], "Other"),
    "coat": (["Clothes"], "Own"),
    "gift": (None, None),
}
EDGES = [0, 5 * MINUTE, 30 * MINUTE, HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY, 60 * DAY, 67 * DAY, 90 * DAY, 180 * DAY]
DEVICES = ("mobile", "app", "desktop", "tablet", None)
TYPES = (
    *("purchase", "add_to_cart", "product_view", "search", "add_to_wishlist", "page_view", "return", "rating"),
    *("coupon_redeemed", "recommendation_clicked", "remove_from_cart"),
)
Event = dict[str, Any]
LEARNED = ScoreModel("7", -1.5, {"product_view": 0.6, "search": -0.4, "add_to_cart": 1.1, "gone": 9.0, "minutes": 0.2})
"""What a model may have learned; of "gone" no contract knows."""


def drawn_history(draw: random.Random) -> list[Event]:
    """Of a few events or of many, often of few types."""
    types = [draw.choice(TYPES) for _ in range(draw.choice((2, 4, 12)))]
    return [drawn_event(draw, draw.choice(types)) for _ in range(draw.choice((1, 3, 9, 20)))]


def drawn_event(draw: random.Random, name: str) -> Event:
    """Often at the edge of a window or a microsecond beside it, at times of NOW's future."""
    kind = draw.random()
    if kind < 0.5:
        at = NOW - draw.choice(EDGES) + draw.choice((-1, 0, 0, 1))
    elif kind < 0.8:
        at = NOW - draw.randrange(0, 150) * MINUTE
    else:
        at = NOW - draw.randrange(-2 * DAY, 200 * DAY)
    payload: dict[str, Any] = {"item_id": draw.choice([*ITEMS, "unlisted"])}
    if name in ("purchase", "return"):
        of_lines = [draw.choice([*ITEMS, "unlisted"]) for _ in range(draw.choice((1, 1, 2, 3)))]
        payload = {
            "lines": [
                {"item_id": one, "quantity": float(draw.randint(1, 3)), "amount": draw.randint(0, 30_000) / 100}
                for one in of_lines
            ],
            "store_id": draw.choice(("1", "2", None)),
        }
    elif name == "search":
        payload = {"results": draw.choice((0, 0, 1, 9))}
    elif name == "rating":
        payload["stars"] = draw.choice((0.5, 1.0, 2.0, 2.5, 5.0))
    elif name in ("page_view", "coupon_redeemed"):
        payload = {}
    return {"event_type": name, "at": at, "context": {"device_type": draw.choice(DEVICES)}, "payload": payload}


def drawn_rule(draw: random.Random, depth: int = 2) -> str:
    if depth and draw.random() < 0.6:
        parts = [drawn_rule(draw, depth - 1) for _ in range(2)]
        return draw.choice([f"({parts[0]} and {parts[1]})", f"({parts[0]} or {parts[1]})", f"not {parts[0]}"])
    event, other = (f'"{draw.choice(("purchase", "add_to_cart", "product_view"))}"' for _ in range(2))
    duration = f'"{draw.choice(("5m", "30m", "1h", "24h", "3d", "7d", "30d"))}"'
    where = draw.choice(["", "", ', category="Shoes"', ', category=("Boots", "Clothes")', ', brand="Own"'])
    of_purchases = where
    if event == '"purchase"':
        where += draw.choice(["", "", ', store_id="1"', ", quantity=(1, 2)", ', device_type="app"', ", amount=30.5"])
    window = drawn_window(draw, other, duration, '"30d"')
    return draw.choice(
        [
            f"any({event}{where}{window})",
            f"count({event}{where}{window}) {draw.choice(['<', '<=', '==', '>'])} {draw.randint(0, 3)}",
            f'sum("purchase", "amount"{of_purchases}{window}) > {draw.randint(5, 400)}',
            f'distinct({event}, "{draw.choice(("category", "brand", "item_id"))}"{where}{window}) >= 2',
            f"last({event}{where}{window}) {draw.choice(['<', '<=', '>', '>='])} ago({duration})",
            f"ago({duration}) {draw.choice(['<', '==', '>='])} first({event})",
            f"last({event}) < last({other}{window})",
            f'sequence({event}, {other}, gap={duration}, without="search", within={duration})',
            f"sequence({event}, {other})",
            'attribute("loyalty") == "gold"',
            f'score("intent") {draw.choice(("<", ">="))} 0.{draw.randint(1, 9)}',
        ]
    )


def drawn_window(draw: random.Random, other: str, duration: str, longest: str) -> str:
    return draw.choice(
        [
            "",
            f", within={duration}",
            ', within="session"',
            f", after=last({other})",
            f", before=first({other}, within={duration})",
            f", after=ago({duration})",
            f", before=ago({duration}), within={longest}",
        ]
    )


def holds(expression: Any, history: Sequence[Event], known: Mapping[str, Expression], now: int, about: Any) -> Any:
    """What the expression comes to. `about`: the person's attributes."""

    def value(one: Any) -> Any:
        return holds(one, history, known, now, about)

    match expression:
        case rule.Literal(literal):
            return literal
        case rule.Not(inner):
            return not value(inner)
        case rule.All(parts):
            return all([value(part) for part in parts])
        case rule.Any(parts):
            return any([value(part) for part in parts])
        case rule.Compare(operator, left, right):
            sides = value(left), value(right)
            return None not in sides and eval(f"a {operator} b", {"a": sides[0], "b": sides[1]})
        case rule.Arithmetic(operator, left, right):
            sides = value(left), value(right)
            if None in sides or (operator, sides[1]) == ("/", 0):
                return None
            return eval(f"a {operator} b", {"a": sides[0], "b": sides[1]})
        case rule.Ago(seconds):
            return now - int(seconds) * SECOND
        case rule.Attribute(name):
            return (about or {}).get(name)
        case rule.Member(segment):
            return value(known[segment])
        case rule.Sequence(track, then, gap, without, window):
            first, later, between = (
                [at for at, _ in seen(one, window, history, known, now)] if one else []
                for one in (track, then, without and Track(without.event_type))
            )
            if without:
                between = [event["at"] for event in history if event["event_type"] == without.event_type]
            longest = float("inf") if gap is None else gap * SECOND
            return any(
                before < after <= before + longest and not [at for at in between if before < at < after]
                for before in first
                for after in later
            )
        case rule.Score():
            return likelihood(history, known, now) if expression.learned else None
    events = seen(expression.track, expression.window, history, known, now)
    match expression:
        case rule.Count():
            return len(events)
        case rule.Last():
            return max([at for at, _ in events], default=None)
        case rule.First():
            return min([at for at, _ in events], default=None)
        case rule.Sum(_, _, field):
            cents = sum(round(100 * line[field]) for _, lines in events for line in lines)
            return cents / 100
    return len({one for _, lines in events for line in lines for one in narrowest(line, expression.field)})


def likelihood(history: Sequence[Event], known: Mapping[str, Expression], now: int) -> float | None:
    """That the session ends in a purchase, by LEARNED."""
    session = Window(of_session=True)
    times = {name: [at for at, _ in seen(Track(name), session, history, known, now)] for name in TYPES}
    steps = sorted(at for name in LEARNED.weights if name in TYPES for at in times[name])
    if times["purchase"] or not steps:
        return None
    score = LEARNED.intercept + LEARNED.weights["minutes"] * math.log(1 + (steps[-1] - steps[0]) / MINUTE)
    score += sum(weight * math.log(1 + len(times[name])) for name, weight in LEARNED.weights.items() if name in TYPES)
    return math.exp(score) / (1 + math.exp(score))


def seen(
    track: Track, window: Window, history: Sequence[Event], known: Mapping[str, Expression], now: int
) -> list[tuple[int, list[dict[str, Any]]]]:
    """The events that are meant, each with its lines that are."""
    inside = [event for event in history if event["at"] <= now and event["event_type"] == track.event_type]
    if window.seconds is not None:
        inside = [event for event in inside if now - event["at"] < window.seconds * SECOND]
    if window.of_session:
        instants = sorted({event["at"] for event in history if event["at"] <= now})
        inside = [
            event
            for event in inside
            if now - event["at"] < DAY
            and all(
                after - before < 30 * MINUTE
                for before, after in zip(instants, [*instants[1:], now], strict=True)
                if before >= event["at"]
            )
        ]
    for bound, is_after in ((window.after, True), (window.before, False)):
        if bound is not None:
            at = holds(bound, history, known, now, None)
            inside = [e for e in inside if at is not None and (e["at"] > at if is_after else e["at"] < at)]
    meant = []
    for event in inside:
        payload = event["payload"]
        lines = [
            {**event["context"], **payload, **line}
            for line in payload.get("lines", [payload])
            if all(meets({**event["context"], **payload, **line}, name, values) for name, values in track.where)
        ]
        meant += [(event["at"], lines)] if lines else []
    return meant


def meets(line: dict[str, Any], name: str, values: Iterable[Any]) -> bool:
    path, brand = ITEMS.get(line.get("item_id", ""), (None, None))
    of_line = {"category": path or [], "brand": [brand]}.get(name, [line.get(name)])
    return any(one == value for one in of_line for value in values if one is not None)


def narrowest(line: dict[str, Any], name: str) -> list[Any]:
    path, brand = ITEMS.get(line.get("item_id", ""), (None, None))
    value = {"category": (path or [None])[-1], "brand": brand}.get(name, line.get(name))
    return [] if value is None else [value]


def frame(spark: SparkSession, histories: Mapping[str, Sequence[Event]], draw: random.Random) -> DataFrame:
    """As rows of silver.events with person_id, in no order."""
    rows = [
        {
            "person_id": person,
            "event_type": event["event_type"],
            "occurred_at": event["at"],
            "context": event["context"],
            "payload": event["payload"],
        }
        for person, history in histories.items()
        for event in history
    ]
    draw.shuffle(rows)
    types = TABLES["silver.events"].types
    names = ("event_type", "occurred_at", "context", "payload")
    columns = T.StructType.fromDDL(", ".join(["person_id string", *[f"{name} {types[name]}" for name in names]]))
    assert isinstance(columns, T.StructType)
    return spark.createDataFrame(pa.Table.from_pylist(rows, to_arrow_schema(columns, timezone="UTC")))


def items(spark: SparkSession) -> DataFrame:
    rows = [(name, *said) for name, said in ITEMS.items()]
    return spark.createDataFrame(rows, "item_id string, categories array<string>, brand string")

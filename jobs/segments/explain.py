"""Why somebody is in a segment or not, clause by clause, and what a rule that is not in force would come to."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

from pyspark.sql import functions as F

from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing.contracts import in_force as contract_in_force
from jobs.people.personal import personal
from jobs.segment_rules import rule
from jobs.segment_rules.definitions import Segment
from jobs.segment_rules.entries import Entry, Items, entries_of, person_of
from jobs.segment_rules.evaluation import Known, compiled
from jobs.segment_rules.over_events import events_within
from jobs.segment_rules.parsing import parse
from jobs.segment_rules.person import NEVER, NOTHING, Person
from jobs.segment_rules.rule import Track, nodes
from jobs.segment_rules.tracks import OVER_EVENTS, Rules
from jobs.segment_rules.vocabulary import SCORES, Vocabulary, event_fields
from jobs.segments import membership, rule_sets, scores
from jobs.segments.batch import microseconds

EVENTS_SHOWN = 10
MEMBERS_SHOWN = 5
OWN = "preview"


@dataclass(frozen=True)
class Clause:
    """A part of a rule that is true or false by itself. `depth`: 1 and more in the rule of another segment. `until`: as
    of an Outcome; None: for ever. `events`: the last that it sees, as (event_id, event_type, instant)."""

    text: str
    depth: int
    is_true: bool
    until: datetime | None
    event_count: int
    events: Sequence[tuple[str, str, datetime]]


@dataclass(frozen=True)
class Explanation:
    is_in: bool
    until: datetime | None
    clauses: Sequence[Clause]


@dataclass(frozen=True)
class Preview:
    """`overlaps`: of the segments that have people in common with it, how many."""

    size: int
    overlaps: Mapping[str, int]
    members: Sequence[str]


def explanation(lake: Lake, person_id: str, segment: str, as_of: datetime) -> Explanation:
    """Raises OperatorError for a segment that is none, and for somebody of whom nothing may be used for its purpose."""
    sets = rule_sets.current(lake)
    if segment not in sets.of_person(person_id):
        raise OperatorError(f"no segment {segment}; see: lakehouse segments list")
    known = {**sets.all, **sets.of_person(person_id)}
    told = known[segment]
    rules = membership.rules(lake, [told], known)
    events = personal(lake, "silver.events", told.purpose, as_of).where(F.col("person_id") == person_id)
    rows = [
        row.asDict(recursive=True)
        for row in events.select("event_id", "event_type", "occurred_at", "context", "payload").collect()
    ]
    if not rows:
        raise OperatorError(f"no event of {person_id} may be used for {told.purpose}: see lakehouse identity show")
    attributes: dict[str, str] = {}
    if rules.of_attributes:
        people = personal(lake, "silver.people", told.purpose, as_of).where(F.col("person_id") == person_id)
        known_of = [row["attributes"] for row in people.collect() if row["attributes"]]
        attributes = {name: max(one[name] for one in known_of if name in one) for name in {*chain(*known_of)}}
    seen: dict[Track, list[tuple[Entry, dict[str, Any]]]] = {}
    items = _items(lake, rows) if rules.of_items else {}
    for event in rows:
        event |= {
            "occurred_at": microseconds(event["occurred_at"].replace(tzinfo=UTC)),
            "lines": (event["payload"] or {}).get("lines"),
        }
        for track, entry in entries_of(event, rules.selections.get(event["event_type"], ()), items):
            seen.setdefault(track, []).append((entry, event))
    entries = {track: [entry for entry, _ in of_track] for track, of_track in seen.items()}
    person = person_of(entries, rules, [event["occurred_at"] for event in rows], attributes)
    now = microseconds(as_of)
    value, until = rules.evaluators[told.name](person, now)
    return Explanation(bool(value), _moment(until), [*_clauses(lake, told, known, person, seen, now)])


def preview(lake: Lake, text: str, purpose: str, as_of: datetime) -> Preview:
    """What the rule comes to for those who allow the purpose. Nothing is saved. Raises RuleError."""
    known, settings = rule_sets.current(lake).in_force, lake.settings
    fields = event_fields(contract_in_force(settings.contracts)())
    expression = parse(text, OWN, Vocabulary(fields, tuple(known)))
    if any(isinstance(node, rule.Score) for node in nodes(expression)):
        expression = parse(text, OWN, Vocabulary(fields, tuple(known), scores.champions(settings)))
    rules = Rules({OWN: expression}, {name: one.expression for name, one in known.items()}, fields)
    rows = membership.evaluated_of(lake, rules, purpose, None, as_of).where(F.array_contains("segment_ids", OWN))
    members = rows.select("person_id").localCheckpoint()
    first = [row["person_id"] for row in members.orderBy("person_id").limit(MEMBERS_SHOWN).collect()]
    overlaps: dict[str, int] = {}
    if tables.exists(lake, "gold.segments"):
        common = tables.read(lake, "gold.segments").join(members, on="person_id", how="left_semi")
        counts = common.groupBy("segment_id").count().orderBy(F.desc("count"), "segment_id").collect()
        overlaps = {row["segment_id"]: row["count"] for row in counts}
    return Preview(members.count(), overlaps, first)


def _clauses(
    lake: Lake,
    segment: Segment,
    known: Mapping[str, Segment],
    person: Person,
    seen: Mapping[Track, Sequence[tuple[Entry, dict[str, Any]]]],
    now: int,
    depth: int = 0,
) -> Iterator[Clause]:
    fields = event_fields(contract_in_force(lake.settings.contracts)())
    rules = {name: one.expression for name, one in known.items()}
    for text in _parts(ast.parse(f"(\n{segment.text}\n)", mode="eval").body):
        expression = parse(text, segment.name, Vocabulary(fields, tuple(known), {**SCORES, **segment.scores}))
        value, until = compiled(expression, rules)(person, now)
        events: dict[str, tuple[str, str, datetime]] = {}
        for node in nodes(expression):
            if isinstance(node, OVER_EVENTS):
                events |= _within(node, rules, person, seen, now)
        last = sorted(events.values(), key=lambda event: event[2])[-EVENTS_SHOWN:]
        yield Clause(text, depth, bool(value), _moment(until), len(events), last)
        if isinstance(expression, rule.Member):
            yield from _clauses(lake, known[expression.segment], known, person, seen, now, depth + 1)


def _parts(node: ast.expr) -> Iterator[str]:
    """What `and`, `or` and `not` join, as text."""
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _parts(value)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield from _parts(node.operand)
    else:
        yield ast.unparse(node)


def _within(
    node: Any,
    rules: Known,
    person: Person,
    seen: Mapping[Track, Sequence[tuple[Entry, dict[str, Any]]]],
    now: int,
) -> dict[str, tuple[str, str, datetime]]:
    """The events that a function looks at, by id."""
    inside = {}
    for track in (node.track, node.then) if isinstance(node, rule.Sequence) else rule.tracks_of(node):
        instants = person.tracks.get(track, NOTHING).instants
        start, end, _ = events_within(node.window, partial(compiled, known=rules))(instants, person, now)
        ordered = sorted(seen.get(track, ()), key=lambda one: one[0].at)
        for entry, event in ordered[start:end]:
            inside[event["event_id"]] = (event["event_id"], event["event_type"], _instant(entry.at))
    return inside


def _items(lake: Lake, events: Sequence[Mapping[str, Any]]) -> Items:
    """Of the items that the events are about."""
    payloads = [event["payload"] or {} for event in events]
    ids = {payload.get("item_id") for payload in payloads}
    ids |= {line["item_id"] for payload in payloads for line in payload.get("lines") or ()}
    rows = tables.read(lake, "silver.items").where(F.col("item_id").isin([one for one in ids if one])).collect()
    return {row["item_id"]: (row["categories"], row["brand"]) for row in rows}


def _instant(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


def _moment(until: float) -> datetime | None:
    return None if until == NEVER else _instant(int(until))

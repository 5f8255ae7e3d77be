"""Rules evaluated over Arrow batches of events that come person by person, each person's in order of time.

A track without conditions is cut out of the columns as it is; of the others, and where values are asked for, each event
is read by entries.entries_of. A person may straddle batches.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.segments.entries import Entry, Items, Values, entries_of
from jobs.segments.evaluation import NEVER, SESSION_AT_MOST, Outcome, Person, Seen, evaluate
from jobs.segments.rule import Expression, Track
from jobs.segments.tracks import Rules, Selection, tracks_of
from jobs.segments.vocabulary import ITEM, LINE

OTHER, ATTRIBUTES = -1, -2
"""Codes of rows: an event of which only the instant counts; what is known of the person, and no event."""

EVALUATED = pa.schema(
    [("person_id", pa.string()), ("segment_ids", pa.list_(pa.string())), ("until", pa.timestamp("us", "UTC"))]
)
Rows = npt.NDArray[np.int64]


@dataclass
class Stream:
    """One track of all people of a table: the `rows` of its events, and beside each its instant and values."""

    rows: Rows
    instants: list[int]
    values: dict[str, list[Values]] = field(default_factory=dict)


class Judged(NamedTuple):
    """A rule; `tracks`: a bit for each that it looks at; `of_nobody`: what it comes to where these have no event."""

    segment: str
    rule: Expression
    tracks: int
    of_nobody: Outcome | None


def columns_read(rules: Rules) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Of each column that the rows need: place, name there, and the event types that are asked for it."""
    read: dict[tuple[str, str], list[str]] = {}
    for event_type, fields in rules.columns.items():
        for one in fields:
            place, name = (LINE, "item_id") if one.place == ITEM else (one.place, one.column)
            types = read.setdefault((place, name), [])
            types += [] if event_type in types else [event_type]
    return {f"{place}_{name}": (place, name, tuple(types)) for (place, name), types in sorted(read.items())}


def furthest_of(reaches: Iterable[int | None]) -> int | None:
    """The longest; None, for ever, where one is."""
    known = [*reaches]
    return None if None in known else max(one for one in known if one is not None)


def evaluated(batches: Iterable[pa.RecordBatch], rules: Rules, items: Items, now: int) -> Iterator[pa.RecordBatch]:
    """One row per person who is in a segment, or of whom a rule may say otherwise later."""
    judged = [*_judged(rules, now)]
    for people in whole_people(batches):
        yield _evaluated(people, rules, judged, items, now)


def whole_people(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows, so that all of one person are in one table."""
    pending: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        ids = batch.column("person_id")
        begun = pending and pending[-1].column("person_id")[-1] != ids[0]
        last = pc.index(ids, ids[-1]).as_py()
        if begun or last > 0:
            yield pa.Table.from_batches([*pending, batch.slice(0, last)]).combine_chunks()
            pending = []
        pending.append(batch.slice(last))
    if pending:
        yield pa.Table.from_batches(pending).combine_chunks()


def _judged(rules: Rules, now: int) -> Iterator[Judged]:
    bits = {track: 1 << number for number, track in enumerate(rules.tracks)}
    nobody = Person({}, segments=rules.known)
    for segment, expression in rules.asked.items():
        its = Rules({segment: expression}, rules.known, rules.fields)
        outcome = None if its.of_attributes else evaluate(expression, nobody, now)
        yield Judged(segment, expression, sum(bits[one] for one in tracks_of([expression], rules.known)), outcome)


def _evaluated(people: pa.Table, rules: Rules, judged: Sequence[Judged], items: Items, now: int) -> pa.RecordBatch:
    ids = people.column("person_id").combine_chunks()
    edges = _edges(ids)
    streams = _streams(people, rules, items, now)
    bits = {track: 1 << number for number, track in enumerate(rules.tracks)}
    cuts = [(track, bits[track], one, np.searchsorted(one.rows, edges).tolist()) for track, one in streams.items()]
    activity = _activity(people, rules, now)
    around = np.searchsorted(activity.rows, edges).tolist()
    attributes = _attributes(people, edges) if rules.of_attributes else {}
    places, segments, untils = [], [], []
    for place in range(len(edges) - 1):
        tracks, present = {}, 0
        for track, bit, stream, cut in cuts:
            start, end = cut[place], cut[place + 1]
            if start < end:
                values = {name: of_all[start:end] for name, of_all in stream.values.items()}
                tracks[track] = Seen(stream.instants[start:end], values)
                present |= bit
        lately = activity.instants[around[place] : around[place + 1]]
        person = Person(tracks, lately, attributes.get(place, {}), segments=rules.known)
        names, until = _outcome(judged, person, present, now)
        if names or until != NEVER:
            places.append(edges[place])
            segments.append(names)
            untils.append(None if until == NEVER else int(until))
    columns = [ids.take(pa.array(places, pa.int64())), pa.array(segments, EVALUATED.field("segment_ids").type)]
    return pa.RecordBatch.from_arrays([*columns, pa.array(untils, EVALUATED.field("until").type)], schema=EVALUATED)


def _outcome(judged: Sequence[Judged], person: Person, present: int, now: int) -> tuple[list[str], float]:
    names, until = [], NEVER
    for one in judged:
        outcome = one.of_nobody
        if outcome is None or one.tracks & present:
            outcome = evaluate(one.rule, person, now)
        until = min(until, outcome.until)
        if outcome.value:
            names.append(one.segment)
    return names, until


def _edges(ids: pa.Array) -> Rows:
    """Where each person begins, and where the last ends."""
    is_other = pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1)).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.flatnonzero(is_other) + 1, [len(ids)]]).astype(np.int64)


def _streams(people: pa.Table, rules: Rules, items: Items, now: int) -> dict[Track, Stream]:
    code, at = people.column("code").to_numpy(), people.column("at").to_numpy()
    streams: dict[Track, Stream] = {}
    for number, (event_type, selections) in enumerate(rules.selections.items()):
        rows = np.flatnonzero(code == number)
        if not len(rows):
            continue
        for one in selections:
            if not (one.of_event or one.of_line):
                nothing: list[Values] = [()] * len(rows)
                of_fields = {name: [*nothing] for name in rules.tracks[one.track]}
                streams[one.track] = Stream(rows, at[rows].tolist(), of_fields)
        selective = [one for one in selections if not one.is_plain]
        if selective:
            furthest = furthest_of(_reach(one, rules) for one in selective)
            recent = rows if furthest is None else rows[at[rows] > now - furthest]
            _read_into(streams, people, recent, event_type, selective, rules, items)
    return streams


def _reach(selection: Selection, rules: Rules) -> int | None:
    """How far back its events must be read one by one."""
    has_conditions = selection.of_event or selection.of_line
    return (rules.reach if has_conditions else rules.reach_of_values)[selection.track]


def _read_into(
    streams: dict[Track, Stream],
    people: pa.Table,
    rows: Rows,
    event_type: str,
    selections: Sequence[Selection],
    rules: Rules,
    items: Items,
) -> None:
    """Fills the values of tracks without conditions, and makes the tracks that have some."""
    entries: dict[Track, tuple[list[int], list[Entry]]] = {one.track: ([], []) for one in selections}
    for row, event in zip(rows.tolist(), _events(people, rows, event_type, rules), strict=True):
        for track, entry in entries_of(event, selections, items):
            entries[track][0].append(row)
            entries[track][1].append(entry)
    for one in selections:
        its_rows, its = entries[one.track]
        names = rules.tracks[one.track]
        if one.of_event or one.of_line:
            values = {name: [entry.values[place] for entry in its] for place, name in enumerate(names)}
            streams[one.track] = Stream(np.array(its_rows, np.int64), [entry.at for entry in its], values)
            continue
        stream = streams[one.track]
        for row, entry in zip(np.searchsorted(stream.rows, np.array(its_rows, np.int64)).tolist(), its, strict=True):
            for place, name in enumerate(names):
                stream.values[name][row] = entry.values[place]


def _events(people: pa.Table, rows: Rows, event_type: str, rules: Rules) -> Iterator[dict[str, Any]]:
    """The rows as entries_of takes them, with the columns that are asked for of events of the type."""
    taken = people.take(pa.array(rows))
    events: list[dict[str, Any]] = [{"occurred_at": at} for at in taken.column("at").to_pylist()]
    for column, (place, name, types) in columns_read(rules).items():
        if event_type not in types:
            continue
        for event, value in zip(events, taken.column(column).to_pylist(), strict=True):
            if place != LINE:
                event.setdefault(place, {})[name] = value
            elif value is not None:
                lines = event.setdefault("lines", [{} for _ in value])
                for line, of_line in zip(lines, value, strict=True):
                    line[name] = of_line
    yield from events


def _activity(people: pa.Table, rules: Rules, now: int) -> Stream:
    """The instants of all events, as far back as a session may reach."""
    if not rules.of_sessions:
        return Stream(np.array([], np.int64), [])
    code, at = people.column("code").to_numpy(), people.column("at").to_numpy()
    rows = np.flatnonzero((code != ATTRIBUTES) & (at > now - SESSION_AT_MOST))
    return Stream(rows, at[rows].tolist())


def _attributes(people: pa.Table, edges: Rows) -> Mapping[int, Mapping[str, str]]:
    """Of each person, by place, of whom something is known."""
    rows = np.flatnonzero(people.column("code").to_numpy() == ATTRIBUTES)
    known = people.column("attributes").take(pa.array(rows)).to_pylist()
    places = (np.searchsorted(edges, rows, side="right") - 1).tolist()
    return {place: dict(one) for place, one in zip(places, known, strict=True) if one}

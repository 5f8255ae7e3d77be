"""Arrow columns of events cut into the tracks of the rules: one stream for each track, of all people together.

A track without conditions is cut out as it is; of the others, and where values are asked for, each event is read by
entries.entries_of.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.segment_rules.entries import Entry, Items, Values, entries_of
from jobs.segment_rules.person import SESSION_AT_MOST
from jobs.segment_rules.rule import Track
from jobs.segment_rules.tracks import Rules, Selection
from jobs.segment_rules.vocabulary import ITEM, LINE

OTHER, ATTRIBUTES = -1, -2
"""Codes of rows: an event of which only the instant counts; what is known of the person, and no event."""

Rows = npt.NDArray[np.int64]


@dataclass
class Stream:
    """One track of all people of a table: the `rows` of its events, and beside each the instant and the values."""

    rows: Rows
    at: Rows
    values: dict[str, list[Values]] = field(default_factory=dict)


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


def streams_of(people: pa.Table, rules: Rules, items: Items, now: int) -> dict[Track, Stream]:
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
                streams[one.track] = Stream(rows, at[rows], of_fields)
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
    at = people.column("at").to_numpy()
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
            places = np.array(its_rows, np.int64)
            streams[one.track] = Stream(places, at[places], values)
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


def activity_of(people: pa.Table, rules: Rules, now: int) -> Stream:
    """The instants of all events, as far back as a session may reach."""
    if not rules.of_sessions:
        return Stream(np.array([], np.int64), np.array([], np.int64))
    code, at = people.column("code").to_numpy(), people.column("at").to_numpy()
    rows = np.flatnonzero((code != ATTRIBUTES) & (at > now - SESSION_AT_MOST))
    return Stream(rows, at[rows])


def attributes_of(people: pa.Table, edges: Rows) -> Mapping[int, Mapping[str, str]]:
    """Of each person, by place, of whom something is known."""
    rows = np.flatnonzero(people.column("code").to_numpy() == ATTRIBUTES)
    known = people.column("attributes").take(pa.array(rows)).to_pylist()
    places = (np.searchsorted(edges, rows, side="right") - 1).tolist()
    return {place: dict(one) for place, one in zip(places, known, strict=True) if one}

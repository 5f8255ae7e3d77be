"""Rules evaluated over Arrow batches of events that come person by person, each person's in order of time.

A person may straddle batches.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.segments.entries import Items
from jobs.segments.evaluation import NEVER, Outcome, Person, Seen, evaluate
from jobs.segments.rule import Expression, Track
from jobs.segments.streams import Rows, Stream, activity_of, attributes_of, streams_of
from jobs.segments.tracks import Rules

EVALUATED = pa.schema(
    [("person_id", pa.string()), ("segment_ids", pa.list_(pa.string())), ("until", pa.timestamp("us", "UTC"))]
)


class Judged(NamedTuple):
    """A rule; `reach`: of each track that it looks at, how far back; `of_nobody`: what it comes to where none of them
    has an event within, None where that depends on what is known of the person."""

    segment: str
    rule: Expression
    reach: Mapping[Track, int | None]
    of_nobody: Outcome | None


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
    nobody = Person({}, segments=rules.known)
    for segment, expression in rules.asked.items():
        its = Rules({segment: expression}, rules.known, rules.fields)
        outcome = None if its.of_attributes else evaluate(expression, nobody, now)
        yield Judged(segment, expression, its.reach, outcome)


def _evaluated(table: pa.Table, rules: Rules, judged: Sequence[Judged], items: Items, now: int) -> pa.RecordBatch:
    ids = table.column("person_id").combine_chunks()
    edges = _edges(ids)
    streams = streams_of(table, rules, items, now)
    cuts = {track: np.searchsorted(one.rows, edges) for track, one in streams.items()}
    people = _People(table, rules, edges, streams, cuts, now)
    count = len(edges) - 1
    names: list[list[str]] = [[] for _ in range(count)]
    untils = [NEVER] * count
    for one in judged:
        if one.of_nobody is None:
            places: Iterable[int] = range(count)
        else:
            concerned = _concerned(one, streams, cuts, count, now)
            places = np.flatnonzero(concerned).tolist()
            if one.of_nobody.value:
                for place in np.flatnonzero(~concerned).tolist():
                    names[place].append(one.segment)
        for place in places:
            value, until = evaluate(one.rule, people[place], now)
            if value:
                names[place].append(one.segment)
            if until < untils[place]:
                untils[place] = until
    told = [place for place in range(count) if names[place] or untils[place] != NEVER]
    columns = [
        ids.take(pa.array(edges[told], pa.int64())),
        pa.array([names[place] for place in told], EVALUATED.field("segment_ids").type),
        pa.array(
            [None if untils[place] == NEVER else int(untils[place]) for place in told], EVALUATED.field("until").type
        ),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVALUATED)


def _concerned(
    one: Judged, streams: Mapping[Track, Stream], cuts: Mapping[Track, Rows], count: int, now: int
) -> npt.NDArray[np.bool_]:
    """Of which people the rule sees an event: to the others it says what it says of nobody."""
    concerned = np.zeros(count, bool)
    for track in one.reach.keys() & streams.keys():
        starts, ends, reach = cuts[track][:-1], cuts[track][1:], one.reach[track]
        is_seen = starts < ends
        if reach is not None and len(streams[track].at):
            is_seen &= streams[track].at[ends - 1] > now - reach
        concerned |= is_seen
    return concerned


class _People:
    """The people of a table, by place, each made of the columns when a rule first asks for them."""

    def __init__(
        self,
        table: pa.Table,
        rules: Rules,
        edges: Rows,
        streams: Mapping[Track, Stream],
        cuts: Mapping[Track, Rows],
        now: int,
    ) -> None:
        self._known: dict[int, Person] = {}
        self._rules = rules
        self._cuts = [(track, streams[track], cut.tolist()) for track, cut in cuts.items()]
        self._activity = activity_of(table, rules, now)
        self._around = np.searchsorted(self._activity.rows, edges).tolist()
        self._attributes = attributes_of(table, edges) if rules.of_attributes else {}

    def __getitem__(self, place: int) -> Person:
        if place not in self._known:
            tracks = {}
            for track, stream, cut in self._cuts:
                start, end = cut[place], cut[place + 1]
                if start < end:
                    values = {name: of_all[start:end] for name, of_all in stream.values.items()}
                    tracks[track] = Seen(stream.at[start:end].tolist(), values)
            lately = self._activity.at[self._around[place] : self._around[place + 1]].tolist()
            attributes = self._attributes.get(place, {})
            self._known[place] = Person(tracks, lately, attributes, segments=self._rules.known)
        return self._known[place]


def _edges(ids: pa.Array) -> Rows:
    """Where each person begins, and where the last ends."""
    is_other = pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1)).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.flatnonzero(is_other) + 1, [len(ids)]]).astype(np.int64)

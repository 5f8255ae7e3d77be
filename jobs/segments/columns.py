"""Rules evaluated over Arrow batches of events that come person by person, each person's in order of time.

A person may straddle batches.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.segment_rules.entries import Items
from jobs.segment_rules.person import NEVER, Evaluator, Outcome, Person, Seen
from jobs.segment_rules.rule import Track
from jobs.segment_rules.tracks import Rules
from jobs.segments.streams import Rows, Stream, activity_of, attributes_of, streams_of

EVALUATED = pa.schema(
    [("person_id", pa.string()), ("segment_ids", pa.list_(pa.string())), ("until", pa.timestamp("us", "UTC"))]
)


class Judged(NamedTuple):
    """A rule; `reach`: of each track that it looks at, how far back; `of_nobody`: what it comes to where none of them
    has an event within, None where that depends on what is known of the person."""

    segment: str
    evaluate: Evaluator
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
    for segment, evaluate in rules.evaluators.items():
        its = Rules({segment: rules.asked[segment]}, rules.known, rules.fields)
        yield Judged(segment, evaluate, its.reach, None if its.of_attributes else evaluate(Person({}), now))


def _evaluated(table: pa.Table, rules: Rules, judged: Sequence[Judged], items: Items, now: int) -> pa.RecordBatch:
    ids = table.column("person_id").combine_chunks()
    edges = _edges(ids)
    streams = streams_of(table, rules, items, now)
    cuts = {track: np.searchsorted(one.rows, edges) for track, one in streams.items()}
    count = len(edges) - 1
    concerned = [_concerned(one, streams, cuts, count, now) for one in judged]
    people = _people(table, rules, edges, streams, cuts, np.logical_or.reduce(concerned), now)
    names: list[list[str]] = [[] for _ in range(count)]
    untils = [NEVER] * count
    for one, is_concerned in zip(judged, concerned, strict=True):
        if one.of_nobody is not None and one.of_nobody[0]:
            for place in np.flatnonzero(~is_concerned).tolist():
                names[place].append(one.segment)
        evaluate, segment = one.evaluate, one.segment
        for place in np.flatnonzero(is_concerned).tolist():
            value, until = evaluate(people[place], now)
            if value:
                names[place].append(segment)
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
    """Of which people the rule sees an event, or asks what is known: to the others it says what it says of nobody."""
    concerned = np.full(count, one.of_nobody is None)
    for track in one.reach.keys() & streams.keys():
        starts, ends, reach = cuts[track][:-1], cuts[track][1:], one.reach[track]
        is_seen = starts < ends
        if reach is not None and len(streams[track].at):
            is_seen &= streams[track].at[ends - 1] > now - reach
        concerned |= is_seen
    return concerned


def _people(
    table: pa.Table,
    rules: Rules,
    edges: Rows,
    streams: Mapping[Track, Stream],
    cuts: Mapping[Track, Rows],
    needed: npt.NDArray[np.bool_],
    now: int,
) -> list[Person]:
    """By place, those who are needed made of the columns; the others are nobody."""
    tracks: list[dict[Track, Seen]] = [{} for _ in needed]
    for track, stream in streams.items():
        starts, ends, instants = cuts[track][:-1].tolist(), cuts[track][1:].tolist(), stream.at.tolist()
        for place in np.flatnonzero(needed & (cuts[track][:-1] < cuts[track][1:])).tolist():
            start, end = starts[place], ends[place]
            values = {name: of_all[start:end] for name, of_all in stream.values.items()} if stream.values else {}
            tracks[place][track] = Seen(instants[start:end], values)
    activity = activity_of(table, rules, now)
    around, lately = np.searchsorted(activity.rows, edges).tolist(), activity.at.tolist()
    attributes = attributes_of(table, edges) if rules.of_attributes else {}
    return [
        Person(of_person, lately[around[place] : around[place + 1]], attributes.get(place, {}))
        for place, of_person in enumerate(tracks)
    ]


def _edges(ids: pa.Array) -> Rows:
    """Where each person begins, and where the last ends."""
    is_other = pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1)).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.flatnonzero(is_other) + 1, [len(ids)]]).astype(np.int64)

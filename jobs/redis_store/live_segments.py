"""What is kept of people for live segments, and the segments they are in."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from redis import Redis

from expectations.contract import PURPOSES
from jobs.redis_store.keys import Keys
from jobs.redis_store.reading import script

RULES_DUE, CLOCK_DUE = 2, 3
WHY_DUE = {0: "consent", 1: "identity", RULES_DUE: "rules", CLOCK_DUE: "expiry", 4: "attributes"}
"""By the instant for which a person is noted who is to be looked at at once."""
BACK = 1_000_000
"""A clock that is set back by less, in microseconds, is not noticed."""
AT_ONCE = 200
"""So many people in one call of a script, which keeps Redis from all else as long as it runs."""


class Known(NamedTuple):
    """A person. `version`: by which a change since is told. `said`: of each purpose whether they allow it; what they
    said nothing of is missing. `segments`: since when they are in each, in microseconds. `events`: of each of their
    identifiers what is kept of it; None: nothing. `attributes`: as JSON; None: nothing is known."""

    person: str
    version: str
    said: Mapping[str, bool]
    segments: Mapping[str, int]
    events: Mapping[str, str | None]
    attributes: str | None = None


class Change(NamedTuple):
    """`kind`: enter or leave. `cause`: event, expiry, consent, identity, attributes or rules."""

    segment: str
    kind: str
    cause: str


class Update(NamedTuple):
    """What becomes of a person as they were `known`. `due`: when they are to be looked at though nothing happens, in
    microseconds; None: never. `events`: of those identifiers that have others now; `changes`: of the segments."""

    known: Known
    due: int | None
    events: Mapping[str, str]
    segments: Mapping[str, int]
    changes: Sequence[Change]


def known_people(client: Redis, keys: Keys, ids: Iterable[str]) -> tuple[int, str, list[Known]]:
    """Redis's time in microseconds, what the state was begun by (empty: there is none), and each person to whom one of
    the identifiers belongs, which are written as persons of their own. At most AT_ONCE of them."""
    answer: Any = client.eval(script("people") + script("memory"), 1, keys.current, keys.tag, *ids)
    now, begun_by, *people = answer
    return int(now), begun_by, [_known(*one) for one in people]


def _known(person: str, version: str, said: str, segments: list[str], kept: list[list[Any]]) -> Known:
    """Of several identifiers with attributes the first by name: the lake has those of one, too."""
    allowed = {purpose: word == "1" for purpose, word in zip(PURPOSES, said, strict=True) if word != "-"}
    since = {name: int(at) for name, at in zip(segments[::2], segments[1::2], strict=True)}
    attributes = [told.partition(" ")[2] for _, _, told in sorted(kept) if told]
    return Known(person, version, allowed, since, {id_: text for id_, text, _ in kept}, next(iter(attributes), None))


def update_segments(client: Redis, keys: Keys, updates: Iterable[Update]) -> set[str]:
    """Takes them up; returns the people who have changed since they were known, of whom nothing was taken up."""
    parts: list[str | int] = []
    for known, due, events, segments, changes in updates:
        parts += [known.person, known.version, "" if due is None else due]
        for rows in (events.items(), segments.items(), changes):
            parts += [len(rows), *(part for row in rows for part in row)]
    answer: Any = client.eval(script("people") + script("segments"), 1, keys.current, keys.tag, *parts)
    return {*answer}


def update_attributes(client: Redis, keys: Keys, told: Mapping[str, str], read_at: str) -> None:
    """Takes up attributes, as JSON by person; empty: none any more. At most AT_ONCE of them."""
    parts = [part for pair in told.items() for part in pair]
    client.eval(script("people") + script("attributes"), 1, keys.current, keys.tag, read_at, *parts)


def forget_attributes(client: Redis, keys: Keys, but: str) -> None:
    """Of whoever the lake said nothing when it was read at `but`."""
    each = client.scan_iter(keys.attributes("*"), count=1000)
    while names := [*itertools.islice(each, AT_ONCE)]:
        values: Any = client.mget(names)
        gone = [name for name, told in zip(names, values, strict=True) if told and told.partition(" ")[0] != but]
        people = [name.removeprefix(keys.attributes("")) for name in gone]
        update_attributes(client, keys, dict.fromkeys(people, ""), but)


def time_in(client: Redis) -> int:
    """Redis's time, in microseconds: one clock for all who write to it."""
    time: Any = client.time()
    return int(time[0]) * 1_000_000 + int(time[1])


def is_set_back(client: Redis, keys: Keys, now: int) -> bool:
    """Whether a later time than `now` was noted."""
    before: Any = client.get(keys.live_clock)
    return before is not None and int(before) > now + BACK


def note_time(client: Redis, keys: Keys, now: int) -> None:
    """All that follows from it being `now` is under way."""
    client.set(keys.live_clock, now)


def look_at_everybody(client: Redis, keys: Keys, why: int) -> None:
    """All of whom something is kept are due at once. `why`: of WHY_DUE."""
    each = (person for person, _ in client.hscan_iter(keys.versions, count=1000))
    while people := [*itertools.islice(each, AT_ONCE)]:
        client.eval(script("people") + script("look_at"), 1, keys.current, keys.tag, why, *people)


def due_people(client: Redis, keys: Keys, now: int) -> dict[str, str]:
    """Up to AT_ONCE people who are to be looked at by `now`, and why: what they allow has changed, or whose identifiers
    are, or time has passed. Who waits longest comes first."""
    people: Any = client.zrangebyscore(keys.due, "-inf", now, start=0, num=AT_ONCE, withscores=True)
    return {person: WHY_DUE.get(at, "expiry") for person, at in people}


def begun_by(client: Redis, keys: Keys) -> str:
    """What the state was begun by; empty where there is none, as in a Redis that was emptied."""
    value: Any = client.get(keys.live)
    return value or ""


def begin(client: Redis, keys: Keys, by: str) -> None:
    """Forgets what is kept of people; who was in a segment stays in it until it is known whether they still are."""
    client.set(keys.live, by)
    client.unlink(keys.due)
    for kept in (keys.events("*"), keys.attributes("*")):
        for name in client.scan_iter(kept, count=1000):
            client.unlink(name)
    segments = keys.segments("")
    for name in client.scan_iter(f"{segments}*", count=1000):
        client.zadd(keys.due, {name.removeprefix(segments): RULES_DUE})


def end_begin(client: Redis, keys: Keys, by: str) -> None:
    """From now on the state is one."""
    client.set(keys.live, by)

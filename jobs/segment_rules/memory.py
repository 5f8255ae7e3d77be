"""What is kept of a person's events for as long as a rule may look at them, and the segments that follow from it.

It is a set: each event once, by its id. To take one up late, or twice, changes nothing.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from jobs.segment_rules.definitions import Segment
from jobs.segment_rules.entries import Entry, Items, entries_of, person_of
from jobs.segment_rules.person import NEVER, SECOND, SESSION_AT_MOST, Person
from jobs.segment_rules.rule import Track
from jobs.segment_rules.tracks import Rules

SLACK = 86_400 * SECOND
"""What no rule looks at any more is kept for so much longer: a clock may be set back."""


class Kept(NamedTuple):
    """One event. `key`: of its id, 53 bits, which are alike for two events of one person as good as never. `tracks`: of
    each that it is of, the place among the rules' tracks and the values that are asked for."""

    key: int
    at: int
    tracks: tuple[tuple[int, tuple[tuple[int | str | bool, ...], ...]], ...]


class Standing(NamedTuple):
    """`segments`: those that a person is in. `until`: the first instant at which that may change without an event, in
    microseconds; NEVER where only an event changes it."""

    segments: frozenset[str]
    until: float


def kept(event_id: str, event: Mapping[str, Any], rules: Rules, items: Items) -> Kept | None:
    """An event as `entries_of` takes it; None where no rule looks at it."""
    places = {track: place for place, track in enumerate(rules.tracks)}
    selections = rules.selections.get(event["event_type"], ())
    tracks = tuple((places[track], entry.values) for track, entry in entries_of(event, selections, items))
    if not tracks and not rules.of_sessions:
        return None
    digest = hashlib.blake2b(event_id.encode(), digest_size=8).digest()
    return Kept(int.from_bytes(digest) >> 11, event["occurred_at"], tracks)


def of_use(events: Iterable[Kept], rules: Rules, now: int) -> list[Kept]:
    """Those that a rule may still look at, at `now` and later, the earliest first."""
    reach = [rules.reach[track] for track in rules.tracks]
    of_session = SESSION_AT_MOST if rules.of_sessions else 0

    def is_of_use(one: Kept) -> bool:
        age = now - one.at - SLACK
        return age < of_session or any((length := reach[place]) is None or age < length for place, _ in one.tracks)

    return sorted(filter(is_of_use, {one.key: one for one in events}.values()), key=lambda one: (one.at, one.key))


def without(events: Iterable[Kept], rules: Rules, event_types: Collection[str]) -> Sequence[Kept]:
    """Those of which a rule looks at more than the instant, and that are of none of the types."""
    is_other = [track.event_type not in event_types for track in rules.tracks]
    return [one for one in events if any(is_other[place] for place, _ in one.tracks)]


def remembered(events: Iterable[Kept], rules: Rules, attributes: Mapping[str, str] | None = None) -> Person:
    """The person whose events these are, each once."""
    tracks = [*rules.tracks]
    entries: dict[Track, list[Entry]] = {}
    activity = []
    for one in events:
        activity.append(one.at)
        for place, values in one.tracks:
            entries.setdefault(tracks[place], []).append(Entry(one.at, values))
    return person_of(entries, rules, activity if rules.of_sessions else (), attributes)


def standing(
    person: Person, segments: Mapping[str, Segment], rules: Rules, allowed: Collection[str], now: int
) -> Standing:
    """`segments`: by the name of each, the one that judges the person. `allowed`: the purposes that they allow; of
    others they are in no segment."""
    within, until = set(), NEVER
    for name, segment in segments.items():
        if segment.purpose in allowed:
            value, changes = rules.evaluators[segment.name](person, now)
            until = min(until, changes)
            if value:
                within.add(name)
    return Standing(frozenset(within), until)


def signature(rules: Rules) -> str:
    """The same for rules that keep the same of an event, for as long."""
    kept_of_each = [*rules.tracks.items()], [*rules.reach.items()], rules.of_sessions
    return hashlib.sha256(repr(kept_of_each).encode()).hexdigest()[:12]


def as_text(events: Iterable[Kept]) -> str:
    return msgspec.json.encode([*events]).decode()


def from_text(text: str | None) -> list[Kept]:
    return [] if not text else _DECODER.decode(text)


_DECODER = msgspec.json.Decoder(list[Kept])

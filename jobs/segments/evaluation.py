"""What a rule comes to for one person at one instant, and until when it stays so if nothing happens.

The meaning of every function is said here. Instants are whole microseconds since 1970.
"""

import math
import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from jobs.segments import rule
from jobs.segments.rule import Expression, Track, Value, Window

SECOND = 1_000_000
SESSION_GAP = 30 * 60 * SECOND
"""A session ends when so long nothing has happened."""

SESSION_AT_MOST = 24 * 3600 * SECOND
"""What is longer ago counts for no session: a client that never rests would have one without end, and no event of it
could ever be left out."""

NEVER = math.inf
UNIT = 1_000_000
"""Numbers of events are kept as whole millionths: their sum is then the same in whatever order they are added."""


class Outcome(NamedTuple):
    """`value`: None where something is missing. `until`: the first instant at which it may be another without an event;
    NEVER where only an event changes it."""

    value: Value | int | None
    until: float


@dataclass(frozen=True)
class Seen:
    """The events of one track, the earliest first: `instants`, and beside each the values of the fields asked for, of
    all its lines; a number in whole millionths."""

    instants: Sequence[int] = ()
    values: Mapping[str, Sequence[Sequence[int | str | bool]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    """What is known of one person. `activity`: the instants of all their events, the earliest first, by which sessions
    are told. `segments`: the rules of others that `member` may ask for."""

    tracks: Mapping[Track, Seen]
    activity: Sequence[int] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    segments: Mapping[str, Expression] = field(default_factory=dict)

    def seen(self, track: Track) -> Seen:
        return self.tracks.get(track, NOTHING)


NOTHING = Seen()


def evaluate(expression: Expression, person: Person, now: int) -> Outcome:
    """Events later than `now` count for nothing yet; `until` knows of them."""
    match expression:
        case rule.Literal(literal):
            return Outcome(literal, NEVER)
        case rule.Not(inner):
            value, until = evaluate(inner, person, now)
            return Outcome(not value, until)
        case rule.All(parts) | rule.Any(parts):
            outcomes = [evaluate(part, person, now) for part in parts]
            together = all if isinstance(expression, rule.All) else any
            return Outcome(together(bool(one.value) for one in outcomes), _first(one.until for one in outcomes))
        case rule.Compare():
            return _compared(expression, person, now)
        case rule.Arithmetic(sign, left, right):
            sides = evaluate(left, person, now), evaluate(right, person, now)
            return Outcome(_computed(sign, sides[0].value, sides[1].value), min(sides[0].until, sides[1].until))
        case rule.Ago(seconds):
            return Outcome(now - round(seconds * SECOND), NEVER)
        case rule.Attribute(name):
            return Outcome(person.attributes.get(name), NEVER)
        case rule.Score(model):
            return Outcome(person.scores.get(model), NEVER)
        case rule.Member(segment):
            return evaluate(person.segments[segment], person, now)
        case rule.Sequence():
            return _followed(expression, person, now)
        case _:
            return _of_events(expression, person, now)


def _of_events(expression: Expression, person: Person, now: int) -> Outcome:
    assert isinstance(expression, rule.Count | rule.Sum | rule.Distinct | rule.Last | rule.First)
    seen = person.seen(expression.track)
    start, end, until = _window(expression.window, seen.instants, person, now)
    match expression:
        case rule.Count():
            return Outcome(end - start, until)
        case rule.Last() | rule.First():
            place = end - 1 if isinstance(expression, rule.Last) else start
            return Outcome(seen.instants[place] if start < end else None, until)
        case rule.Sum() | rule.Distinct():
            if start == end:
                return Outcome(0, until)
            values = chain.from_iterable(seen.values[expression.field][start:end])
            if isinstance(expression, rule.Distinct):
                return Outcome(len(set(values)), until)
            return Outcome(sum(map(int, values)) / UNIT, until)


def _window(window: Window, instants: Sequence[int], person: Person, now: int) -> tuple[int, int, float]:
    """The places of the events within, as a slice, and until when they are these."""
    start, end = 0, bisect_right(instants, now)
    until = instants[end] if end < len(instants) else NEVER
    for length in _lengths(window):
        place = bisect_right(instants, now - length)
        if place < len(instants):
            until = min(until, instants[place] + length)
        start = max(start, place)
    if window.of_session:
        begin, over = _session(person.activity, now)
        start = max(start, bisect_left(instants, begin))
        until = min(until, over)
    for bound, is_after in ((window.after, True), (window.before, False)):
        if bound is None:
            continue
        at, changes = evaluate(bound, person, now)
        until = min(until, changes)
        if at is None:  # after, or before, what never was
            return 0, 0, until
        assert isinstance(at, int)
        place = bisect_right(instants, at) if is_after else bisect_left(instants, at)
        if (moves := _moves(bound)) is not None and place < len(instants):
            # The bound comes along with the clock, and passes the next event then; itself is not included.
            until = min(until, instants[place] + moves + (0 if is_after else 1))
        start, end = (max(start, place), end) if is_after else (start, min(end, place))
    return start, max(start, end), until


def _lengths(window: Window) -> Iterator[int]:
    """How long, at most, what lies within may be ago."""
    if window.seconds is not None:
        yield round(window.seconds * SECOND)
    if window.of_session:
        yield SESSION_AT_MOST


def _session(activity: Sequence[int], now: int) -> tuple[float, float]:
    """When the session that `now` is in began, and when it may change: NEVER begun where there is none."""
    place = bisect_right(activity, now)
    following = activity[place] if place < len(activity) else NEVER
    if place == 0 or now - activity[place - 1] >= SESSION_GAP:
        return NEVER, following
    over = activity[place - 1] + SESSION_GAP
    while place > 1 and activity[place - 1] - activity[place - 2] < SESSION_GAP:
        place -= 1
    return activity[place - 1], min(over, following)


def _followed(sequence: rule.Sequence, person: Person, now: int) -> Outcome:
    """Of each later event the last earlier one decides: none is nearer, and none has less in between."""
    first, then = person.seen(sequence.track).instants, person.seen(sequence.then).instants
    between = person.seen(sequence.without).instants if sequence.without else ()
    start, end, until = _window(sequence.window, first, person, now)
    later_start, later_end, later_until = _window(sequence.window, then, person, now)
    is_followed = False
    for at in then[later_start:later_end]:
        place = bisect_left(first, at) - 1
        if start <= place < end:
            before = first[place]
            is_near = sequence.gap is None or at - before <= round(sequence.gap * SECOND)
            if is_near and bisect_left(between, at) == bisect_right(between, before):
                is_followed = True
                break
    return Outcome(is_followed, min(until, later_until))


def _compared(compare: rule.Compare, person: Person, now: int) -> Outcome:
    left, right = evaluate(compare.left, person, now), evaluate(compare.right, person, now)
    until = min(left.until, right.until)
    if left.value is None or right.value is None:
        return Outcome(False, until)
    for moving, other, fixed in ((compare.left, compare.right, right.value), (compare.right, compare.left, left.value)):
        length = _moves(moving)
        if length is not None and _moves(other) is None:
            equal = int(fixed) + length  # the instant at which the two are equal
            until = min([until, *[one for one in (equal, equal + 1) if one > now]])
    return Outcome(COMPARED[compare.operator](left.value, right.value), until)


def _moves(expression: Expression) -> int | None:
    """How long it lies before now, of what comes along with the clock; None of all else."""
    return round(expression.seconds * SECOND) if isinstance(expression, rule.Ago) else None


def _computed(sign: str, left: Value | int | None, right: Value | int | None) -> float | None:
    if left is None or right is None or (sign == "/" and right == 0):
        return None
    return float(COMPUTED[sign](left, right))


def _first(instants: Iterable[float]) -> float:
    return min(instants, default=NEVER)


COMPARED: dict[str, Callable[..., bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
COMPUTED: dict[str, Callable[..., float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip

"""What a rule comes to for one person at one instant, and until when it stays so if nothing happens.

The meaning of every function is said here. Instants are whole microseconds since 1970.
"""

import math
import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
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
    outcome: Outcome = EVALUATED[type(expression)](expression, person, now)
    return outcome


def _literal(expression: rule.Literal, person: Person, now: int) -> Outcome:
    return Outcome(expression.value, NEVER)


def _negated(expression: rule.Not, person: Person, now: int) -> Outcome:
    value, until = evaluate(expression.inner, person, now)
    return Outcome(not value, until)


def _together(expression: rule.All | rule.Any, person: Person, now: int) -> Outcome:
    """One part decides: a false one of `and`, a true one of `or`, as long as the last of them stays so. Where none
    does, the first that may change."""
    deciding = isinstance(expression, rule.Any)
    decided, undecided = -NEVER, NEVER
    for part in expression.parts:
        value, until = evaluate(part, person, now)
        if bool(value) is not deciding:
            undecided = min(undecided, until)
        elif until == NEVER:
            return Outcome(deciding, NEVER)
        else:
            decided = max(decided, until)
    return Outcome(not deciding, undecided) if decided == -NEVER else Outcome(deciding, decided)


def _calculated(expression: rule.Arithmetic, person: Person, now: int) -> Outcome:
    left, right = evaluate(expression.left, person, now), evaluate(expression.right, person, now)
    return Outcome(_computed(expression.operator, left.value, right.value), min(left.until, right.until))


def _ago(expression: rule.Ago, person: Person, now: int) -> Outcome:
    return Outcome(now - round(expression.seconds * SECOND), NEVER)


def _attribute(expression: rule.Attribute, person: Person, now: int) -> Outcome:
    return Outcome(person.attributes.get(expression.name), NEVER)


def _score(expression: rule.Score, person: Person, now: int) -> Outcome:
    return Outcome(person.scores.get(expression.model), NEVER)


def _member(expression: rule.Member, person: Person, now: int) -> Outcome:
    return evaluate(person.segments[expression.segment], person, now)


def _counted(expression: rule.Count, person: Person, now: int) -> Outcome:
    start, end, until = events_within(expression.window, person.seen(expression.track).instants, person, now)
    return Outcome(end - start, until)


def _at_an_end(expression: rule.Last | rule.First, person: Person, now: int) -> Outcome:
    instants = person.seen(expression.track).instants
    start, end, until = events_within(expression.window, instants, person, now)
    if start == end:
        return Outcome(None, until)
    return Outcome(instants[end - 1 if isinstance(expression, rule.Last) else start], until)


def _of_values(expression: rule.Sum | rule.Distinct, person: Person, now: int) -> Outcome:
    seen = person.seen(expression.track)
    start, end, until = events_within(expression.window, seen.instants, person, now)
    if start == end:
        return Outcome(0, until)
    values = chain.from_iterable(seen.values[expression.field][start:end])
    if isinstance(expression, rule.Distinct):
        return Outcome(len(set(values)), until)
    return Outcome(sum(map(int, values)) / UNIT, until)


def events_within(window: Window, instants: Sequence[int], person: Person, now: int) -> tuple[int, int, float]:
    """The places of the events within, as a slice, and until when they are these."""
    start, end = 0, bisect_right(instants, now)
    until = instants[end] if end < len(instants) else NEVER
    length = SESSION_AT_MOST if window.of_session else NEVER
    if window.seconds is not None:
        length = min(length, round(window.seconds * SECOND))
    if length != NEVER:
        start = bisect_right(instants, now - length)
        if start < len(instants):
            until = min(until, instants[start] + length)
    if window.of_session:
        begin, over = _session(person.activity, now)
        start = max(start, bisect_left(instants, begin))
        until = min(until, over)
    if window.after is None and window.before is None:
        return start, max(start, end), until
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
    start, end, until = events_within(sequence.window, first, person, now)
    later_start, later_end, later_until = events_within(sequence.window, then, person, now)
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
    value = COMPARED[compare.operator](left.value, right.value)
    if not isinstance(compare.left, rule.Ago) and not isinstance(compare.right, rule.Ago):
        return Outcome(value, until)
    for moving, other, fixed in ((compare.left, compare.right, right.value), (compare.right, compare.left, left.value)):
        length = _moves(moving)
        if length is not None and _moves(other) is None:
            equal = int(fixed) + length  # the instant at which the two are equal
            until = min([until, *[one for one in (equal, equal + 1) if one > now]])
    return Outcome(value, until)


def _moves(expression: Expression) -> int | None:
    """How long it lies before now, of what comes along with the clock; None of all else."""
    return round(expression.seconds * SECOND) if isinstance(expression, rule.Ago) else None


def _computed(sign: str, left: Value | int | None, right: Value | int | None) -> float | None:
    if left is None or right is None or (sign == "/" and right == 0):
        return None
    return float(COMPUTED[sign](left, right))


COMPARED: dict[str, Callable[..., bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
COMPUTED: dict[str, Callable[..., float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
EVALUATED: dict[type, Callable[..., Outcome]] = {
    rule.Literal: _literal,
    rule.Not: _negated,
    rule.All: _together,
    rule.Any: _together,
    rule.Compare: _compared,
    rule.Arithmetic: _calculated,
    rule.Ago: _ago,
    rule.Attribute: _attribute,
    rule.Score: _score,
    rule.Member: _member,
    rule.Sequence: _followed,
    rule.Count: _counted,
    rule.Sum: _of_values,
    rule.Distinct: _of_values,
    rule.Last: _at_an_end,
    rule.First: _at_an_end,
}

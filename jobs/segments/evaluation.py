"""What a rule comes to for one person at one instant, and until when it stays so if nothing happens.

The meaning of every function is said here, once. A rule is compiled into one Python function, which batch and live call
for person after person. Instants are whole microseconds since 1970.
"""

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from jobs.segments import rule
from jobs.segments.person import NEVER, NOTHING, SECOND, SESSION_AT_MOST, SESSION_GAP, UNIT, Outcome, Person
from jobs.segments.rule import Expression, Value, Window

Evaluator = Callable[[Person, int], Outcome]
"""Of a person at an instant. Events later than that count for nothing yet; until when the outcome stays so knows of
them."""

Known = Mapping[str, Expression]
"""The rules of segments that `member` may ask for."""

Slice = tuple[int, int, float]
"""The events within a window by their places, from and to, and until when they are these."""


def compiled(expression: Expression, known: Known) -> Evaluator:
    evaluator: Evaluator = COMPILED[type(expression)](expression, known)
    return evaluator


def _literal(expression: rule.Literal, known: Known) -> Evaluator:
    outcome = expression.value, NEVER
    return lambda person, now: outcome


def _negated(expression: rule.Not, known: Known) -> Evaluator:
    inner = compiled(expression.inner, known)

    def negated(person: Person, now: int) -> Outcome:
        value, until = inner(person, now)
        return not value, until

    return negated


def _together(expression: rule.All | rule.Any, known: Known) -> Evaluator:
    """One part decides: a false one of `and`, a true one of `or`, as long as the last of them stays so. Where none
    does, the first that may change."""
    deciding = isinstance(expression, rule.Any)
    parts = [compiled(part, known) for part in expression.parts]

    def together(person: Person, now: int) -> Outcome:
        decided, undecided = -NEVER, NEVER
        for part in parts:
            value, until = part(person, now)
            if bool(value) is not deciding:
                undecided = min(undecided, until)
            elif until == NEVER:
                return deciding, NEVER
            else:
                decided = max(decided, until)
        return (not deciding, undecided) if decided == -NEVER else (deciding, decided)

    return together


def _calculated(expression: rule.Arithmetic, known: Known) -> Evaluator:
    left, right = compiled(expression.left, known), compiled(expression.right, known)
    compute, divides = COMPUTED[expression.operator], expression.operator == "/"

    def calculated(person: Person, now: int) -> Outcome:
        (one, until), (other, other_until) = left(person, now), right(person, now)
        is_missing = one is None or other is None or (divides and other == 0)
        return None if is_missing else float(compute(one, other)), min(until, other_until)

    return calculated


def _ago(expression: rule.Ago, known: Known) -> Evaluator:
    length = _microseconds(expression.seconds)
    return lambda person, now: (now - length, NEVER)


def _attribute(expression: rule.Attribute, known: Known) -> Evaluator:
    return lambda person, now: (person.attributes.get(expression.name), NEVER)


def _score(expression: rule.Score, known: Known) -> Evaluator:
    return lambda person, now: (person.scores.get(expression.model), NEVER)


def _member(expression: rule.Member, known: Known) -> Evaluator:
    return compiled(known[expression.segment], known)


def _counted(expression: rule.Count, known: Known) -> Evaluator:
    within, track = events_within(expression.window, known), expression.track

    def counted(person: Person, now: int) -> Outcome:
        start, end, until = within(person.tracks.get(track, NOTHING).instants, person, now)
        return end - start, until

    return counted


def _at_an_end(expression: rule.Last | rule.First, known: Known) -> Evaluator:
    within, track, is_last = events_within(expression.window, known), expression.track, type(expression) is rule.Last

    def at_an_end(person: Person, now: int) -> Outcome:
        instants = person.tracks.get(track, NOTHING).instants
        start, end, until = within(instants, person, now)
        return None if start == end else instants[end - 1 if is_last else start], until

    return at_an_end


def _of_values(expression: rule.Sum | rule.Distinct, known: Known) -> Evaluator:
    within, is_sum = events_within(expression.window, known), isinstance(expression, rule.Sum)

    def of_values(person: Person, now: int) -> Outcome:
        seen = person.tracks.get(expression.track, NOTHING)
        start, end, until = within(seen.instants, person, now)
        if start == end:
            return 0, until
        values = chain.from_iterable(seen.values[expression.field][start:end])
        return sum(map(int, values)) / UNIT if is_sum else len(set(values)), until

    return of_values


def events_within(window: Window, known: Known) -> Callable[[Sequence[int], Person, int], Slice]:
    """Which of a track's `instants` lie in the window."""
    lengths = [SESSION_AT_MOST] if window.of_session else []
    lengths += [] if window.seconds is None else [_microseconds(window.seconds)]
    lately = _lately(min(lengths, default=None))
    bounds = [
        (compiled(bound, known), _moves(bound), is_after)
        for bound, is_after in ((window.after, True), (window.before, False))
        if bound is not None
    ]
    if not window.of_session and not bounds:
        return lately

    def within(instants: Sequence[int], person: Person, now: int) -> Slice:
        start, end, until = lately(instants, person, now)
        if window.of_session:
            begin, over = _session(person.activity, now)
            start = max(start, bisect_left(instants, begin))
            until = min(until, over)
        for bound, moves, is_after in bounds:
            at, changes = bound(person, now)
            until = min(until, changes)
            if at is None:  # after, or before, what never was
                return 0, 0, until
            place = bisect_right(instants, at) if is_after else bisect_left(instants, at)
            if moves is not None and place < len(instants):
                # The bound comes along with the clock, and passes the next event then; itself is not included.
                until = min(until, instants[place] + moves + (0 if is_after else 1))
            start, end = (max(start, place), end) if is_after else (start, min(end, place))
        return start, max(start, end), until

    return within


def _lately(length: int | None) -> Callable[[Sequence[int], Person, int], Slice]:
    """The last so many microseconds; None: all until now."""

    def lately(instants: Sequence[int], person: Person, now: int) -> Slice:
        end = bisect_right(instants, now)
        until = instants[end] if end < len(instants) else NEVER
        if length is None:
            return 0, end, until
        start = bisect_right(instants, now - length)
        return start, end, min(until, instants[start] + length) if start < len(instants) else until

    return lately


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


def _followed(sequence: rule.Sequence, known: Known) -> Evaluator:
    """Of each later event the last earlier one decides: none is nearer, and none has less in between."""
    within = events_within(sequence.window, known)
    gap = NEVER if sequence.gap is None else _microseconds(sequence.gap)

    def followed(person: Person, now: int) -> Outcome:
        first, then = (person.tracks.get(one, NOTHING).instants for one in (sequence.track, sequence.then))
        between = person.tracks.get(sequence.without, NOTHING).instants if sequence.without else ()
        start, end, until = within(first, person, now)
        later_start, later_end, later_until = within(then, person, now)
        for at in then[later_start:later_end]:
            place = bisect_left(first, at) - 1
            if start <= place < end:
                before = first[place]
                if at - before <= gap and bisect_left(between, at) == bisect_right(between, before):
                    return True, min(until, later_until)
        return False, min(until, later_until)

    return followed


def _compared(expression: rule.Compare, known: Known) -> Evaluator:
    left, right = compiled(expression.left, known), compiled(expression.right, known)
    compare, moving = COMPARED[expression.operator], (_moves(expression.left), _moves(expression.right))

    def compared(person: Person, now: int) -> Outcome:
        (one, until), (other, other_until) = left(person, now), right(person, now)
        until = min(until, other_until)
        return one is not None and other is not None and compare(one, other), until

    def compared_with_clock(person: Person, now: int) -> Outcome:
        """One side comes along with the clock: they are equal at one instant."""
        (one, until), (other, other_until) = left(person, now), right(person, now)
        until = min(until, other_until)
        if one is None or other is None:
            return False, until
        equal = int(other) + moving[0] if moving[0] is not None else int(one) + (moving[1] or 0)
        return compare(one, other), min([until, *[at for at in (equal, equal + 1) if at > now]])

    if isinstance(expression.right, rule.Literal):
        return _compared_with_value(left, compare, expression.right.value)
    return compared if (moving[0] is None) == (moving[1] is None) else compared_with_clock


def _compared_with_value(left: Evaluator, compare: Callable[..., bool], value: Value) -> Evaluator:
    """As `compared`, of which nine in ten comparisons are such."""

    def compared(person: Person, now: int) -> Outcome:
        one, until = left(person, now)
        return one is not None and compare(one, value), until

    return compared


def _moves(expression: Expression) -> int | None:
    """How long it lies before now, of what comes along with the clock; None of all else."""
    return _microseconds(expression.seconds) if isinstance(expression, rule.Ago) else None


def _microseconds(seconds: float) -> int:
    return round(seconds * SECOND)


COMPARED: dict[str, Callable[..., bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
COMPUTED: dict[str, Callable[..., float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
COMPILED: dict[type, Callable[..., Evaluator]] = {
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

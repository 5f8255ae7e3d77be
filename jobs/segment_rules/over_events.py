"""What functions over events come to: which events lie in a window, and what they are together.

Instants are whole microseconds since 1970.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import chain

from jobs.segment_rules import rule
from jobs.segment_rules.person import (
    NEVER,
    NOTHING,
    SECOND,
    SESSION_AT_MOST,
    SESSION_GAP,
    UNIT,
    Evaluator,
    Outcome,
    Person,
)
from jobs.segment_rules.rule import Expression, Window
from models.intent_likelihood import likelihood

Part = Callable[[Expression], Evaluator]
"""Compiles a part of an expression."""

Slice = tuple[int, int, float]
"""The events within a window by their places, from and to, and until when they are these."""


def counted(expression: rule.Count, part: Part) -> Evaluator:
    within, track = events_within(expression.window, part), expression.track

    def evaluate(person: Person, now: int) -> Outcome:
        start, end, until = within(person.tracks.get(track, NOTHING).instants, person, now)
        return end - start, until

    return evaluate


def at_an_end(expression: rule.Last | rule.First, part: Part) -> Evaluator:
    within, track, is_last = events_within(expression.window, part), expression.track, type(expression) is rule.Last

    def evaluate(person: Person, now: int) -> Outcome:
        instants = person.tracks.get(track, NOTHING).instants
        start, end, until = within(instants, person, now)
        return None if start == end else instants[end - 1 if is_last else start], until

    return evaluate


def of_values(expression: rule.Sum | rule.Distinct, part: Part) -> Evaluator:
    within, is_sum = events_within(expression.window, part), isinstance(expression, rule.Sum)

    def evaluate(person: Person, now: int) -> Outcome:
        seen = person.tracks.get(expression.track, NOTHING)
        start, end, until = within(seen.instants, person, now)
        if start == end:
            return 0, until
        values = chain.from_iterable(seen.values[expression.field][start:end])
        return sum(map(int, values)) / UNIT if is_sum else len(set(values)), until

    return evaluate


def events_within(window: Window, part: Part) -> Callable[[Sequence[int], Person, int], Slice]:
    """Which of a track's `instants` lie in the window."""
    lengths = [SESSION_AT_MOST] if window.of_session else []
    lengths += [] if window.seconds is None else [length_of(window.seconds)]
    lately = _lately(min(lengths, default=None))
    bounds = [
        (part(bound), moves(bound), is_after)
        for bound, is_after in ((window.after, True), (window.before, False))
        if bound is not None
    ]
    if not window.of_session and not bounds:
        return lately

    def within(instants: Sequence[int], person: Person, now: int) -> Slice:
        begin, over = _session(person.activity, now) if window.of_session else (-NEVER, NEVER)
        if begin == NEVER:
            return 0, 0, over
        start, end, until = lately(instants, person, now)
        start, until = max(start, bisect_left(instants, begin)), min(until, over)
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


def followed(sequence: rule.Sequence, part: Part) -> Evaluator:
    """Of each later event the last earlier one decides: none is nearer, and none has less in between."""
    within = events_within(sequence.window, part)
    gap = NEVER if sequence.gap is None else length_of(sequence.gap)

    def evaluate(person: Person, now: int) -> Outcome:
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

    return evaluate


def scored(expression: rule.Score, part: Part) -> Evaluator:
    learned, within = expression.learned, events_within(expression.window, part)
    ends = counted(rule.Count(expression.end, expression.window), part)

    def evaluate(person: Person, now: int) -> Outcome:
        if learned is None:
            return None, NEVER
        is_over, until = ends(person, now)
        first, last, terms = NEVER, -NEVER, []
        for track, weight in learned.steps:
            instants = person.tracks.get(track, NOTHING).instants
            start, end, changes = within(instants, person, now)
            until = min(until, changes)
            terms.append((weight, end - start))
            if start < end:
                first, last = min(first, instants[start]), max(last, instants[end - 1])
        if is_over or last < first:
            return None, until
        minutes = (last - first) / (60 * SECOND)
        return likelihood(learned.intercept, [*terms, (learned.minutes, minutes)]), until

    return evaluate


def moves(expression: Expression) -> int | None:
    """How long it lies before now, of what comes along with the clock; None of all else."""
    return length_of(expression.seconds) if isinstance(expression, rule.Ago) else None


def length_of(seconds: float) -> int:
    """In microseconds."""
    return round(seconds * SECOND)

"""What a rule comes to for one person at one instant, and until when it stays so if nothing happens.

The meaning of every function is said once, here and in over_events.py. A rule is compiled into one Python function,
which batch and live call for person after person. Instants are whole microseconds since 1970.
"""

import operator
from collections.abc import Callable, Mapping
from functools import partial

from jobs.segment_rules import over_events, rule
from jobs.segment_rules.over_events import Part, length_of, moves
from jobs.segment_rules.person import NEVER, Evaluator, Outcome, Person
from jobs.segment_rules.rule import Expression, Value

Known = Mapping[str, Expression]
"""The rules of segments that `member` may ask for."""


def compiled(expression: Expression, known: Known) -> Evaluator:
    if isinstance(expression, rule.Member):
        return compiled(known[expression.segment], known)
    evaluator: Evaluator = COMPILED[type(expression)](expression, partial(compiled, known=known))
    return evaluator


def _literal(expression: rule.Literal, part: Part) -> Evaluator:
    outcome = expression.value, NEVER
    return lambda person, now: outcome


def _negated(expression: rule.Not, part: Part) -> Evaluator:
    inner = part(expression.inner)

    def negated(person: Person, now: int) -> Outcome:
        value, until = inner(person, now)
        return not value, until

    return negated


def _together(expression: rule.All | rule.Any, part: Part) -> Evaluator:
    """One part decides: a false one of `and`, a true one of `or`, as long as the last of them stays so. Where none
    does, the first that may change."""
    deciding = isinstance(expression, rule.Any)
    parts = [part(one) for one in expression.parts]

    def together(person: Person, now: int) -> Outcome:
        decided, undecided = -NEVER, NEVER
        for evaluate in parts:
            value, until = evaluate(person, now)
            if bool(value) is not deciding:
                undecided = min(undecided, until)
            elif until == NEVER:
                return deciding, NEVER
            else:
                decided = max(decided, until)
        return (not deciding, undecided) if decided == -NEVER else (deciding, decided)

    return together


def _calculated(expression: rule.Arithmetic, part: Part) -> Evaluator:
    left, right = part(expression.left), part(expression.right)
    compute, divides = COMPUTED[expression.operator], expression.operator == "/"

    def calculated(person: Person, now: int) -> Outcome:
        (one, until), (other, other_until) = left(person, now), right(person, now)
        is_missing = one is None or other is None or (divides and other == 0)
        return None if is_missing else float(compute(one, other)), min(until, other_until)

    return calculated


def _ago(expression: rule.Ago, part: Part) -> Evaluator:
    length = length_of(expression.seconds)
    return lambda person, now: (now - length, NEVER)


def _attribute(expression: rule.Attribute, part: Part) -> Evaluator:
    return lambda person, now: (person.attributes.get(expression.name), NEVER)


def _compared(expression: rule.Compare, part: Part) -> Evaluator:
    left, right = part(expression.left), part(expression.right)
    compare, moving = COMPARED[expression.operator], (moves(expression.left), moves(expression.right))

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
    rule.Sequence: over_events.followed,
    rule.Count: over_events.counted,
    rule.Sum: over_events.of_values,
    rule.Distinct: over_events.of_values,
    rule.Last: over_events.at_an_end,
    rule.First: over_events.at_an_end,
    rule.Score: over_events.scored,
}

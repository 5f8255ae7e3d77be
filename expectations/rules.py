"""The contract's nodes compiled into conditions on a parsed message, and the reasons where they do not hold."""

import functools
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as F

from expectations.contract import EARLIEST, LATEST_AFTER_ARRIVAL, PURPOSES, Contract
from expectations.nodes import Array, Field, Node, Number, Object, Text

DATE_TIME = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})\z"  # RFC 3339, 5.6
NO_ID = r"(?i)^\s*(?:undefined|null|nan|unknown|\[object object\]|[-{]*([^\s-])(?:-*\1){7,}[-}]*)\s*\z"
"""What broken clients send in place of an id, one character eight times or more among it (a UUID of zeros)."""


class Rule(NamedTuple):
    """`is_broken`: a condition. `reasons`: what is wrong then, each null where it is not; one or more."""

    is_broken: Column
    reasons: tuple[Column, ...]


def rules_of(contract: Contract, event: Column, version: Column) -> Rule:
    """All of the contract on a parsed message: the envelope's rules, and those of the payload of its version, which is
    its place among the contract's; null where it is of none."""
    # What a payload must be its version says.
    envelope = [rule for field in contract.envelope.fields for rule in rules_of_field(field, event[field.name])]
    values = [_value_or_id(contract.envelope.field(name), event[name]) for name in contract.envelope.any_of]
    nobody = functools.reduce(Column.__and__, [one.isNull() for one in values])
    unknown = ~event["event_type"].isin(list(contract.event_types))
    of_no_version = version.isNull() & event["event_type"].isNotNull() & event["schema_version"].isNotNull()
    envelope.append(_rule([(nobody, f"{', '.join(contract.envelope.any_of)}: both missing")]))
    envelope.append(_rule([(unknown, "event_type: not a known type")]))
    envelope.append(_rule([(~unknown & of_no_version, "schema_version: not a known version of its event_type")]))
    envelope.append(_rule(list(_untimely(event))))
    is_broken, why = F.when(F.lit(False), F.lit(False)), F.when(F.lit(False), "")
    for place, one in enumerate(contract.versions):
        of_version = _all(_rules("payload", one.payload, event["payload"]))
        is_broken = is_broken.when(version == place, of_version.is_broken)
        why = why.when(version == place, lines(of_version.reasons))
    payload = Rule(F.coalesce(is_broken, F.lit(False)), (F.nullif(why, F.lit("")),))
    return _all([*envelope, payload])


def version_place(contract: Contract, event_type: Column, number: Column) -> Column:
    """Which of the contract's versions a message is of, by its place among them; null when of none."""
    place = F.when(F.lit(False), F.lit(0))
    for name in contract.event_types:
        of_type = F.when(F.lit(False), F.lit(0))
        for at, one in enumerate(contract.versions):
            if one.event_type == name:
                of_type = of_type.when(number == one.version, F.lit(at))
        place = place.when(event_type == name, of_type)
    return place


def is_withdrawal(event: Column) -> Column:
    """Whether a consent event denies something: it is never refused for its time."""
    purposes = event["payload"]["purposes"]
    denies = functools.reduce(Column.__or__, [F.coalesce(~purposes[name], F.lit(False)) for name in PURPOSES])
    return (event["event_type"] == "consent") & denies


def occurred_at(event: Column, received_at: Column) -> Column:
    """When an event occurred, as a timestamp; a withdrawal that says an impossible time occurred when it arrived."""
    at = moment(event["occurred_at"])
    is_possible = (at >= F.lit(EARLIEST).cast("timestamp")) & (at <= received_at)
    return F.when(F.coalesce(is_withdrawal(event) & ~is_possible, F.lit(False)), received_at).otherwise(at)


def id_or_null(column: Column) -> Column:
    """An id as it came; null for what a broken client sent in place of one."""
    return F.when(~column.rlike(NO_ID), column)


def _value_or_id(field: Field, column: Column) -> Column:
    return id_or_null(column) if isinstance(field.node, Text) and field.node.is_id else column


def _untimely(event: Column) -> Iterator[tuple[Column, str]]:
    at, may_be_late = moment(event["occurred_at"]), ~F.coalesce(is_withdrawal(event), F.lit(False))
    yield (at < F.lit(EARLIEST).cast("timestamp")) & may_be_late, f"occurred_at: before {EARLIEST}"
    latest = F.col("received_at") + F.expr(f"interval {LATEST_AFTER_ARRIVAL}")
    yield (at > latest) & may_be_late, f"occurred_at: over {LATEST_AFTER_ARRIVAL} after arrival"


def moment(text: Column) -> Column:
    """RFC 3339 as a timestamp, null where it is none. Spark wants the letters large that RFC 3339 takes small too."""
    return F.try_to_timestamp(F.upper(text))


def _rule(cases: Sequence[tuple[Column, str]]) -> Rule:
    """Broken when one of the cases holds; the first that does is the reason. A case of null does not hold."""
    reason = F.when(F.lit(False), "")
    for is_broken, why in cases:
        reason = reason.when(is_broken, why)
    return Rule(_any([is_broken for is_broken, _ in cases]), (reason,))


def _all(rules: Iterable[Rule]) -> Rule:
    reasons = list(rules)
    return Rule(_any([rule.is_broken for rule in reasons]), tuple(why for rule in reasons for why in rule.reasons))


def _any(conditions: Sequence[Column]) -> Column:
    """Whether one of them holds; never null."""
    return functools.reduce(Column.__or__, [F.coalesce(one, F.lit(False)) for one in conditions], F.lit(False))


def rules_of_field(field: Field, column: Column, path: str = "") -> Iterator[Rule]:
    """What one field must be, from its column; `path`: of what it is a field of."""
    value = column if field.is_required else _value_or_id(field, column)
    yield from _rules(f"{path}.{field.name}".lstrip("."), field.node, value, field.is_required)


def _rules(path: str, node: Node, column: Column, is_required: bool = False) -> Iterator[Rule]:
    """What one value and what lies below it must be, from its typed value (null where missing or unreadable)."""
    cases = [(is_broken, f"{path}: {what}") for is_broken, what in _limits(node, column, is_required)]
    if is_required:
        cases.insert(0, (column.isNull(), f"{path}: missing"))
    if cases:
        yield _rule(cases)
    if isinstance(node, Object):
        for field in node.fields:
            for rule in rules_of_field(field, column[field.name], path):
                reasons = tuple(F.when(column.isNotNull(), why) for why in rule.reasons)
                yield Rule(column.isNotNull() & rule.is_broken, reasons)
    elif isinstance(node, Array):
        yield from _rules_of_items(f"{path}[]", node, column)


def _rules_of_items(path: str, array: Array, column: Column) -> Iterator[Rule]:
    """One reason per rule of an item, however many items break it."""

    def rules(item: Column) -> list[Rule]:
        return list(_rules(path, array.items, item))

    def why(number: int, item: Column) -> Column:
        return F.coalesce(*rules(item)[number].reasons, F.lit(None).cast("string"))

    count = len(rules(F.col("_")))
    if count:
        is_broken = F.exists(column, lambda item: _any([rule.is_broken for rule in rules(item)]))
        reasons = [F.array_max(F.transform(column, functools.partial(why, number))) for number in range(count)]
        yield Rule(_any_may_break(array.items, column) & is_broken, tuple(reasons))


def _any_may_break(items: Node, column: Column) -> Column:
    """Whether one of the items may break its rules: false of sound ones only. Spark compiles what is asked here of all
    at once, and interprets what is asked of each in turn."""
    if not isinstance(items, Object) or items.any_of:
        return F.lit(True)
    return _any([_may_break(field, column[field.name]) for field in items.fields])


def _may_break(field: Field, values: Column) -> Column:
    node, cases = field.node, []
    # Whether a list has what it does not have is null where one of its values is.
    match node:
        case Text(values=(), min_length=1, pattern=None, is_moment=False, is_id=False):
            cases.append(F.coalesce(F.array_contains(values, F.lit("")), F.lit(field.is_required)))
            if node.max_length is not None:
                cases.append(F.octet_length(F.array_join(values, "")) > node.max_length)
        case Number(values=(), minimum=least, multiple_of=None) if least is not None:
            never = F.lit(least - 1).cast("bigint" if node.is_whole else "double")
            cases.append(F.coalesce(F.array_contains(values, never), F.lit(field.is_required)))
            cases.append(F.array_min(values) < least)
            cases.append(F.array_max(values) > (sys.float_info.max if node.maximum is None else node.maximum))
        case _:
            return F.lit(True)
    return _any(cases)


def _limits(node: Node, column: Column, is_required: bool) -> Iterator[tuple[Column, str]]:
    """(is broken, what is wrong) for each limit of a value."""
    match node:
        case Text():
            yield from _limits_of_text(node, column, is_required)
        case Number():
            yield from _limits_of_number(node, column)
        case Array():
            if node.min_items is not None:
                yield F.size(column) < node.min_items, f"fewer than {node.min_items}"
            if node.max_items is not None:
                yield F.size(column) > node.max_items, f"more than {node.max_items}"
        case Object(any_of=names) if names:
            none = [_value_or_id(node.field(name), column[name]).isNull() for name in names]
            yield column.isNotNull() & functools.reduce(Column.__and__, none), "none of " + ", ".join(names)


def _limits_of_text(node: Text, column: Column, is_required: bool) -> Iterator[tuple[Column, str]]:
    if node.is_moment:
        yield (
            ~column.rlike(DATE_TIME) | (column.isNotNull() & moment(column).isNull()),
            "not a date and time with offset",
        )
    if node.is_id and is_required:
        yield column.rlike(NO_ID), "no id"
    if node.values:
        yield ~column.isin(list(node.values)), "not one of " + ", ".join(node.values)
    if node.min_length is not None:
        yield F.char_length(column) < node.min_length, f"shorter than {node.min_length}"
    if node.max_length is not None:
        yield F.char_length(column) > node.max_length, f"longer than {node.max_length}"
    if node.pattern is not None:
        yield ~column.rlike(as_java(node.pattern)), "not of the form " + node.pattern


def _limits_of_number(node: Number, column: Column) -> Iterator[tuple[Column, str]]:
    if not node.is_whole:
        yield F.abs(column) == float("inf"), "too large for a number"
    if node.values:
        yield ~column.isin(list(node.values)), "not one of " + ", ".join(map(str, node.values))
    if node.minimum is not None:
        yield column < node.minimum, f"less than {node.minimum}"
    if node.maximum is not None:
        yield column > node.maximum, f"more than {node.maximum}"
    if node.multiple_of is not None:
        yield column % node.multiple_of != 0, f"not a multiple of {node.multiple_of}"


def as_java(pattern: str) -> str:
    """A pattern of ECMA-262 for Java's matcher, whose $ is also before a line break at the end."""
    return re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", lambda match: r"\z" if match[0] == "$" else match[0], pattern)


def lines(reasons: Iterable[Column]) -> Column:
    """The reasons that are not null, a line each. Text, because Spark compiles it and interprets array lambdas."""
    return F.concat_ws("\n", *reasons)

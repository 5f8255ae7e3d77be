"""The contract's schemas compiled into conditions on a parsed message, and the reasons where they do not hold."""

import functools
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as F

from expectations.contract import EARLIEST, LATEST_AFTER_ARRIVAL, Contract, Schema, parsed_ddl, types_of

DATE_TIME = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$"  # RFC 3339, 5.6


class Rule(NamedTuple):
    """`is_broken`: a condition. `reasons`: what is wrong then, each null where it is not; one or more."""

    is_broken: Column
    reasons: tuple[Column, ...]


def rules_of(rules: Contract, event: Column, kind: Column) -> Rule:
    """All of the contract on a parsed message: the envelope's rules, and those of the payload of its kind."""
    required = rules.envelope["required"]
    envelope = [
        rule
        for name, schema in rules.envelope["properties"].items()
        for rule in _rules(name, schema, event[name], name in required)
    ]
    nobody = event["user_id"].isNull() & event["anonymous_id"].isNull()
    unknown = ~event["event_type"].isin(list(rules.payloads))
    of_no_version = kind.isNull() & event["event_type"].isNotNull() & event["schema_version"].isNotNull()
    envelope.append(_rule([(nobody, "user_id, anonymous_id: both missing")]))
    envelope.append(_rule([(unknown, "event_type: not a known type")]))
    envelope.append(_rule([(~unknown & of_no_version, "schema_version: not a known version of its event_type")]))
    envelope.append(_rule(list(_untimely(event))))
    is_broken, why = F.when(F.lit(False), F.lit(False)), F.when(F.lit(False), "")
    for number, (_, _, schema) in enumerate(rules.kinds):
        of_kind = _all(_rules("payload", schema, event["payload"], required=False))
        is_broken = is_broken.when(kind == number, of_kind.is_broken)
        why = why.when(kind == number, lines(of_kind.reasons))
    payload = Rule(F.coalesce(is_broken, F.lit(False)), (F.nullif(why, F.lit("")),))
    return _all([*envelope, payload])


def kind_number(rules: Contract, event_type: Column, version: Column) -> Column:
    """Which of the contract's kinds a message is of, by its place among them; null when of none."""
    number = F.when(F.lit(False), F.lit(0))
    for name in rules.payloads:
        of_type = F.when(F.lit(False), F.lit(0))
        for place, kind in enumerate(rules.kinds):
            if kind.event_type == name:
                of_type = of_type.when(version == kind.version, F.lit(place))
        number = number.when(event_type == name, of_type)
    return number


def _untimely(event: Column) -> Iterator[tuple[Column, str]]:
    said, at = event["occurred_at"], moment(event["occurred_at"])
    unreadable = ~said.rlike(DATE_TIME) | (said.isNotNull() & at.isNull())
    yield unreadable, "occurred_at: not a date and time with offset"
    yield at < F.lit(EARLIEST).cast("timestamp"), f"occurred_at: before {EARLIEST}"
    latest = F.col("received_at") + F.expr(f"interval {LATEST_AFTER_ARRIVAL}")
    yield at > latest, f"occurred_at: over {LATEST_AFTER_ARRIVAL} after arrival"


def moment(said: Column) -> Column:
    """RFC 3339 as a timestamp, null where it is none. Spark wants the letters large that RFC 3339 takes small too."""
    return F.try_to_timestamp(F.upper(said))


def _rule(cases: Sequence[tuple[Column, str]]) -> Rule:
    """Broken when one of the cases holds; the first that does is the reason. A case of null does not hold."""
    reason = F.when(F.lit(False), "")
    for is_broken, why in cases:
        reason = reason.when(is_broken, why)
    return Rule(_any([is_broken for is_broken, _ in cases]), (reason,))


def _all(rules: Iterable[Rule]) -> Rule:
    found = list(rules)
    return Rule(_any([rule.is_broken for rule in found]), tuple(why for rule in found for why in rule.reasons))


def _any(conditions: Sequence[Column]) -> Column:
    """Whether one of them holds; never null."""
    return functools.reduce(Column.__or__, [F.coalesce(one, F.lit(False)) for one in conditions], F.lit(False))


def _rules(path: str, schema: Schema, column: Column, required: bool) -> Iterator[Rule]:
    """What one field and what lies below it must be, from its typed value (null where missing or unreadable)."""
    cases = [(is_broken, f"{path}: {what}") for is_broken, what in _limits(schema, column)]
    if required:
        cases.insert(0, (column.isNull(), f"{path}: missing"))
    if cases:
        yield _rule(cases)
    kind = types_of(schema)[0]
    if kind == "object":
        for name, inner in schema.get("properties", {}).items():
            wanted = name in schema.get("required", [])
            for rule in _rules(f"{path}.{name}", inner, column[name], wanted):
                reasons = tuple(F.when(column.isNotNull(), why) for why in rule.reasons)
                yield Rule(column.isNotNull() & rule.is_broken, reasons)
    elif kind == "array" and "items" in schema:
        yield _rule_of_items(path, schema["items"], column)


def _rule_of_items(path: str, items: Schema, column: Column) -> Rule:
    """One reason per field of an item, however many items break it."""

    def rules(name: str, item: Column) -> Rule:
        wanted = name in items.get("required", [])
        return _all(_rules(f"{path}[].{name}", items["properties"][name], item[name], wanted))

    def why(name: str, item: Column) -> Column:
        return F.coalesce(*rules(name, item).reasons, F.lit(None).cast("string"))

    is_broken = F.exists(column, lambda item: _any([rules(name, item).is_broken for name in items["properties"]]))
    wanted = items.get("required", [])
    may_be = [_may_break(inner, column[name], name in wanted) for name, inner in items["properties"].items()]
    reasons = [F.array_max(F.transform(column, functools.partial(why, name))) for name in items["properties"]]
    return Rule(_any(may_be) & is_broken, tuple(reasons))


def _may_break(schema: Schema, values: Column, required: bool) -> Column:
    """Whether one of the values may break its rules: false of sound ones only. Spark compiles what is asked here of
    all at once, and interprets what is asked of each in turn."""
    is_text = types_of(schema)[0] == "string"
    never = "" if is_text else schema.get("minimum", 0) - 1
    is_never = schema.get("minLength") == 1 if is_text else "minimum" in schema
    if not (is_never and set(schema) <= {"type", "minimum", "maximum", "minLength", "maxLength"}):
        return F.lit(True)
    # Whether a list has what it does not have is null where one of its values is.
    cases = [F.coalesce(F.array_contains(values, F.lit(never).cast(parsed_ddl(schema))), F.lit(required))]
    if is_text and "maxLength" in schema:
        cases.append(F.octet_length(F.array_join(values, "")) > schema["maxLength"])
    elif not is_text:
        cases.append(F.array_min(values) < schema["minimum"])
        cases.append(F.array_max(values) > schema.get("maximum", sys.float_info.max))
    return _any(cases)


def _limits(schema: Schema, column: Column) -> Iterator[tuple[Column, str]]:
    """(is broken, what is wrong) for each keyword of JSON Schema that the contract uses on a value."""
    if "enum" in schema:
        known = [value for value in schema["enum"] if value is not None]
        yield ~column.isin(known), "not one of " + ", ".join(map(str, known))
    if "minLength" in schema:
        yield F.char_length(column) < schema["minLength"], f"shorter than {schema['minLength']}"
    if "maxLength" in schema:
        yield F.char_length(column) > schema["maxLength"], f"longer than {schema['maxLength']}"
    if "pattern" in schema:
        yield ~column.rlike(schema["pattern"].replace("$", r"\z")), "not of the form " + schema["pattern"]
    if types_of(schema)[0] == "number":
        yield F.abs(column) == float("inf"), "too large for a number"
    if "minimum" in schema:
        yield column < schema["minimum"], f"less than {schema['minimum']}"
    if "maximum" in schema:
        yield column > schema["maximum"], f"more than {schema['maximum']}"
    if "multipleOf" in schema:
        yield column % schema["multipleOf"] != 0, f"not a multiple of {schema['multipleOf']}"
    if "minItems" in schema:
        yield F.size(column) < schema["minItems"], f"fewer than {schema['minItems']}"
    if "maxItems" in schema:
        yield F.size(column) > schema["maxItems"], f"more than {schema['maxItems']}"
    if "anyOf" in schema:
        names = [name for branch in schema["anyOf"] for name in branch["required"]]
        none = functools.reduce(Column.__and__, [column[name].isNull() for name in names])
        yield column.isNotNull() & none, "none of " + ", ".join(names)


def lines(reasons: Iterable[Column]) -> Column:
    """The reasons that are not null, a line each. Text, because Spark compiles it and interprets array lambdas."""
    return F.concat_ws("\n", *reasons)

"""What is wrong with a message: the contract compiled into one parse and Spark Column rules.

A message is parsed once into a typed struct. Spark's parser takes some wrong types silently (a number where a
string is expected), so a message that could hide one (a sound and cheap test on the text) is looked at again as
a VARIANT, field by field; the other 99 % never pay for that.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import EARLIEST, LATEST_AFTER_ARRIVAL, Contract, Schema, ddl, types_of, union

KINDS = {  # JSON Schema type -> how schema_of_variant begins to name it
    "string": "STRING",
    "integer": "BIGINT",
    "number": "BIGINT|DECIMAL|DOUBLE|FLOAT",
    "boolean": "BOOLEAN",
    "object": "OBJECT",
    "array": "ARRAY",
    "null": "VOID",
}
FIRST_CHARACTERS = {  # JSON Schema type -> how a value of it begins, as part of a character class
    "string": '"',
    "integer": "0-9-",
    "number": "0-9-",
    "boolean": "tf",
    "object": "{",
    "array": r"\[",
    "null": "n",
}
LONE_SURROGATE = (  # half a character: one parser takes it, the other does not
    r"\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u[dD])[c-fC-F])"
)
DATE_TIME = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$"  # RFC 3339, 5.6


class Rule(NamedTuple):
    """`is_broken`: a condition. `reasons`: what is wrong then, each null where it is not; one or more."""

    is_broken: Column
    reasons: tuple[Column, ...]


def with_event(rules: Contract) -> Callable[[DataFrame], DataFrame]:
    """Adds `event` (the message as a typed struct), `reasons` (every rule it breaks; empty when valid) and `extra`
    (the fields of a valid message that the contract does not know, as JSON text by name; null when none).

    Needs `value` (binary) and `received_at` (timestamp). A reason reads `field: what is wrong` and never
    repeats a value.
    """
    message = {**rules.envelope, "properties": {**rules.envelope["properties"], "payload": union(rules)}}
    fields = ", ".join(f"`{name}`: {ddl(schema)}" for name, schema in message["properties"].items())

    def transform(frame: DataFrame) -> DataFrame:
        text = F.col("value").cast("string")
        strict = {"allowNonNumericNumbers": "false", "allowSingleQuotes": "false"}
        options = {"columnNameOfCorruptRecord": "_corrupt", **strict}
        parsed = frame.withColumn("event", F.from_json(text, f"struct<{fields}, _corrupt: string>", options))
        event = F.col("event")
        is_suspect = event.isNull() | event["_corrupt"].isNotNull() | text.rlike(_surprise(message))
        is_suspect |= F.coalesce(event["event_type"].isin(_with_a_map(rules)), F.lit(False))
        found = _rules_of(rules, event)
        # Most messages break nothing: whether they do is asked first, in one condition, and why only of the others.
        why = F.split(_lines(found.reasons), "\n")
        told = parsed.withColumns({"_suspect": is_suspect, "_broken": found.is_broken})
        # Columns of their own, each used more than once, so that Spark works them out once a row.
        told = told.withColumn("_variant", F.when(F.col("_suspect"), F.try_parse_json(text)))
        told = told.withColumn("_wrong", _wrong(rules, F.col("_variant")))
        quick = F.when(F.col("_broken"), why).otherwise(F.array().cast("array<string>"))
        return (
            told.withColumn("reasons", F.when(F.col("_suspect"), _exact(quick)).otherwise(quick))
            .withColumn("extra", F.when(F.col("_suspect") & (F.size("reasons") == 0), _unknown_fields(text, rules)))
            .drop("_suspect", "_broken", "_variant", "_wrong")
        )

    return transform


def _unknown_fields(text: Column, rules: Contract) -> Column:
    """The fields that the message's event type does not have, by name, as JSON text; null when there is none."""
    top = F.from_json(text, "map<string, string>")
    payload = F.from_json(top["payload"], "map<string, string>")
    known = F.when(F.lit(False), F.array().cast("array<string>"))
    for name, schema in rules.payloads.items():
        known = known.when(top["event_type"] == name, F.array(*map(F.lit, schema["properties"])))
    unknown = F.map_concat(
        F.map_filter(top, lambda name, _: ~name.isin(list(rules.envelope["properties"]))),
        F.transform_keys(
            F.map_filter(payload, lambda name, _: ~F.array_contains(known, name)),
            lambda name, _: F.concat(F.lit("payload."), name),
        ),
    )
    return F.when(F.size(unknown) > 0, unknown)


def _surprise(message: Schema) -> str:
    """A pattern found in every JSON text that holds a name the contract does not know, a name with an escape in it, or
    a known one followed by a value of a wrong type; it may be found in a valid text too (a name with two meanings).

    A name stands behind a brace or a comma, and a string that holds these has no bare quote behind them.
    """
    first_of: dict[str, set[str]] = {}

    def collect(schema: Schema) -> None:
        for name, inner in schema.get("properties", {}).items():
            first = {FIRST_CHARACTERS[type_] for type_ in types_of(inner)}
            first_of[name] = first_of[name] & first if name in first_of else first
            collect(inner.get("items", inner))

    collect(message)
    expected = {name: rf'"\s*+:\s*+[{"".join(sorted(first))}]' for name, first in first_of.items() if first}
    return rf'[{{,]\s*+"(?!{_any_of(expected)})|{LONE_SURROGATE}'


def _with_a_map(rules: Contract) -> list[str]:
    """Event types with a field of free names: a map's values are text, whatever they were in the message."""
    return [
        name
        for name, schema in rules.payloads.items()
        if any("additionalProperties" in inner for inner in schema["properties"].values())
    ]


def _any_of(endings: dict[str, str]) -> str:
    """A pattern for one of the words with its ending, as a trie, so that a text is not compared with each in turn."""
    branches = [endings[""]] if "" in endings else []
    for first in sorted({word[0] for word in endings if word}):
        branches.append(first + _any_of({word[1:]: end for word, end in endings.items() if word[:1] == first}))
    return branches[0] if len(branches) == 1 else f"(?>{'|'.join(branches)})"


def _lines(reasons: Iterable[Column]) -> Column:
    """The reasons that are not null, a line each. Text, because Spark compiles it and interprets array lambdas."""
    return F.concat_ws("\n", *reasons)


def _rules_of(rules: Contract, event: Column) -> Rule:
    """All of the contract on a parsed message: the envelope's rules, and those of the payload of its type."""
    required = rules.envelope["required"]
    envelope = [
        rule
        for name, schema in rules.envelope["properties"].items()
        for rule in _rules(name, schema, event[name], name in required)
    ]
    nobody = event["user_id"].isNull() & event["anonymous_id"].isNull()
    unknown = ~event["event_type"].isin(list(rules.payloads))
    envelope.append(_rule([(nobody, "user_id, anonymous_id: both missing")]))
    envelope.append(_rule([(unknown, "event_type: not a known type")]))
    envelope.append(_rule(list(_untimely(event))))
    is_broken, why = F.when(F.lit(False), F.lit(False)), F.when(F.lit(False), "")
    for name, schema in rules.payloads.items():
        of_type = _all(_rules("payload", schema, event["payload"], required=False))
        is_broken = is_broken.when(event["event_type"] == name, of_type.is_broken)
        why = why.when(event["event_type"] == name, _lines(of_type.reasons))
    payload = Rule(F.coalesce(is_broken, F.lit(False)), (F.nullif(why, F.lit("")),))
    return _all([*envelope, payload])


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
    reasons = [F.array_max(F.transform(column, functools.partial(why, name))) for name in items["properties"]]
    return Rule(is_broken, tuple(reasons))


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


def _wrong(rules: Contract, variant: Column) -> Column:
    """Where a field that the message's event type has is of a wrong type; null where the message is no JSON object."""
    envelope = F.array(*_wrong_types("", rules.envelope, variant))
    event_type = F.try_variant_get(variant, "$.event_type", "string")
    payload = F.when(F.lit(False), F.array().cast("array<string>"))
    for name, schema in rules.payloads.items():
        payload = payload.when(event_type == name, F.array(*_wrong_types("payload", schema, variant)))
    wrong = F.array_compact(F.concat(envelope, F.coalesce(payload, F.array().cast("array<string>"))))
    return F.when(F.schema_of_variant(variant).startswith("OBJECT"), wrong)


def _exact(quick: Column) -> Column:
    """Reasons of a suspect message: wrong types as its VARIANT has them, then the others on fields not yet named."""
    wrong = F.col("_wrong")
    named = F.transform(wrong, lambda reason: F.substring_index(reason, ":", 1))
    rest = F.filter(quick, lambda reason: ~F.array_contains(named, F.substring_index(reason, ":", 1)))
    return (
        F.when(F.col("_variant").isNull(), F.array(F.lit("message: not JSON")))
        .when(wrong.isNull(), F.array(F.lit("message: not a JSON object")))
        .when(F.size(wrong) == 0, quick)
        .otherwise(F.concat(wrong, rest))
    )


def _wrong_types(path: str, schema: Schema, variant: Column) -> Iterator[Column]:
    for name, inner in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        yield _wrong_type(here, inner, F.schema_of_variant(F.variant_get(variant, f"$.{here}", "variant")))
        if "additionalProperties" in inner:
            free = F.map_values(F.try_variant_get(variant, f"$.{here}", "map<string, variant>"))
            path, of_value = f"{here}.*", inner["additionalProperties"]
            yield F.array_max(F.transform(free, functools.partial(_wrong_value, path, of_value)))
        elif types_of(inner)[0] == "object":
            yield from _wrong_types(here, inner, variant)
        elif types_of(inner)[0] == "array":
            lines = F.try_variant_get(variant, f"$.{here}", "array<variant>")
            for field, of_field in inner["items"]["properties"].items():
                yield F.array_max(
                    F.transform(lines, functools.partial(_wrong_in_line, f"{here}[].{field}", of_field, field))
                )


def _wrong_value(path: str, schema: Schema, value: Column) -> Column:
    return _wrong_type(path, schema, F.schema_of_variant(value))


def _wrong_in_line(path: str, schema: Schema, field: str, line: Column) -> Column:
    return _wrong_type(path, schema, F.schema_of_variant(F.variant_get(line, f"$.{field}", "variant")))


def _wrong_type(path: str, schema: Schema, kind: Column) -> Column:
    types = types_of(schema)
    allowed = "|".join(KINDS[type_] for type_ in types)
    seen = F.lower(F.regexp_extract(kind, r"^([A-Z]+)", 1))
    words = f" where {' or '.join(types)} is expected"
    return F.when(~kind.rlike(f"^(?:{allowed})"), F.concat(F.lit(f"{path}: "), seen, F.lit(words)))

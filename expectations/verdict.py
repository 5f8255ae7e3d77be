"""What is wrong with a message: the contract compiled into one parse and Spark Column rules.

A message is parsed once into a typed struct. Spark's parser takes some wrong types silently (a number where a
string is expected), so a message that could hide one (a sound and cheap test on the text) is looked at again as
a VARIANT, field by field; the other 99 % never pay for that.
"""

import functools
from collections.abc import Callable, Iterable, Iterator

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
DATE_TIME = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$"  # RFC 3339, 5.6


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
        options = {"columnNameOfCorruptRecord": "_corrupt", "allowNonNumericNumbers": "false"}
        parsed = frame.withColumn("event", F.from_json(text, f"struct<{fields}, _corrupt: string>", options))
        event = F.col("event")
        is_suspect = event.isNull() | event["_corrupt"].isNotNull() | text.rlike(_surprise(message))
        of_payload = functools.reduce(
            lambda chain, item: chain.when(event["event_type"] == item[0], _lines(_payload_reasons(item[1], event))),
            rules.payloads.items(),
            F.when(F.lit(False), ""),
        )
        reasons_of_payload = F.nullif(of_payload, F.lit(""))
        broken = _lines([*_envelope_reasons(rules, event), _untimely(event), reasons_of_payload])
        told = parsed.withColumn("_suspect", is_suspect).withColumn("_broken", broken)
        quick = F.when(F.col("_broken") == "", F.array().cast("array<string>")).otherwise(F.split("_broken", "\n"))
        return (
            told.withColumn("reasons", F.when(F.col("_suspect"), _exact(text, message, quick)).otherwise(quick))
            .withColumn("extra", F.when(F.col("_suspect") & (F.size("reasons") == 0), _unknown_fields(text, message)))
            .drop("_suspect", "_broken")
        )

    return transform


def _unknown_fields(text: Column, message: Schema) -> Column:
    top = F.from_json(text, "map<string, string>")
    payload = F.from_json(top["payload"], "map<string, string>")
    known, known_of_payload = (list(schema["properties"]) for schema in (message, message["properties"]["payload"]))
    unknown = F.map_concat(
        F.map_filter(top, lambda name, _: ~name.isin(known)),
        F.transform_keys(
            F.map_filter(payload, lambda name, _: ~name.isin(known_of_payload)),
            lambda name, _: F.concat(F.lit("payload."), name),
        ),
    )
    return F.when(F.size(unknown) > 0, unknown)


def _surprise(message: Schema) -> str:
    """A pattern found in every text that holds a name the contract does not know, or a known one followed by a value
    of a wrong type; it may be found in a valid text too (a name inside a value, a name with two meanings)."""
    first_of: dict[str, set[str]] = {}

    def collect(schema: Schema) -> None:
        for name, inner in schema.get("properties", {}).items():
            first = {FIRST_CHARACTERS[type_] for type_ in types_of(inner)}
            first_of[name] = first_of[name] & first if name in first_of else first
            collect(inner.get("items", inner))

    collect(message)
    by_first: dict[str, set[str]] = {}
    for name, first in first_of.items():
        by_first.setdefault("".join(sorted(first)), set()).add(name)
    expected = [rf'{_any_of(names)}"\s*+:\s*+[{first}]' for first, names in sorted(by_first.items()) if first]
    return rf'"(?=[^"]*+"\s*+:)(?!{"|".join(expected)})'


def _any_of(words: set[str]) -> str:
    """A pattern for one of the words, as a trie, so that a text is not compared with each in turn."""
    initials = sorted({word[:1] for word in words})
    if initials == [""]:
        return ""
    branches = [
        first + _any_of({word[1:] for word in words if word[:1] == first}) if first else "" for first in initials
    ]
    return branches[0] if len(branches) == 1 else f"(?>{'|'.join(reversed(branches))})"


def _lines(reasons: Iterable[Column]) -> Column:
    """The reasons that are not null, a line each. Text, because Spark compiles it and interprets array lambdas."""
    return F.concat_ws("\n", *reasons)


def _envelope_reasons(rules: Contract, event: Column) -> Iterator[Column]:
    """One Column per envelope field: its reason, or null."""
    required = rules.envelope["required"]
    for name, schema in rules.envelope["properties"].items():
        yield from _reasons(name, schema, event[name], name in required)
    yield F.when(event["user_id"].isNull() & event["anonymous_id"].isNull(), "user_id, anonymous_id: both missing")
    yield F.when(~event["event_type"].isin(list(rules.payloads)), "event_type: not a known type")


def _payload_reasons(schema: Schema, event: Column) -> Iterator[Column]:
    yield from _reasons("payload", schema, event["payload"], required=False)


def _untimely(event: Column) -> Column:
    at = F.try_to_timestamp(event["occurred_at"])
    return (
        F.when(
            ~event["occurred_at"].rlike(DATE_TIME) | (event["occurred_at"].isNotNull() & at.isNull()),
            "occurred_at: not a date and time with offset",
        )
        .when(at < F.lit(EARLIEST).cast("timestamp"), f"occurred_at: before {EARLIEST}")
        .when(
            at > F.col("received_at") + F.expr(f"interval {LATEST_AFTER_ARRIVAL}"),
            f"occurred_at: over {LATEST_AFTER_ARRIVAL} after arrival",
        )
    )


def _reasons(path: str, schema: Schema, column: Column, required: bool) -> Iterator[Column]:
    """Reasons for one field and what lies below it, from its typed value (null where missing or unreadable)."""
    found = F.when(column.isNull(), f"{path}: missing") if required else F.when(F.lit(False), "")
    for breaks, what in _limits(schema, column):
        found = found.when(breaks, f"{path}: {what}")
    if required or len(list(_limits(schema, column))):
        yield found
    kind = types_of(schema)[0]
    if kind == "object":
        for name, inner in schema.get("properties", {}).items():
            wanted = name in schema.get("required", [])
            for reason in _reasons(f"{path}.{name}", inner, column[name], wanted):
                yield F.when(column.isNotNull(), reason)
    elif kind == "array" and "items" in schema:
        items = schema["items"]
        for name, inner in items["properties"].items():
            wanted = name in items.get("required", [])
            yield F.array_max(
                F.transform(column, functools.partial(_first_reason, f"{path}[].{name}", inner, wanted, name))
            )


def _first_reason(path: str, schema: Schema, required: bool, name: str, element: Column) -> Column:
    return F.coalesce(*_reasons(path, schema, element[name], required), F.lit(None).cast("string"))


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


def _exact(text: Column, message: Schema, quick: Column) -> Column:
    """Reasons of a suspect message: wrong types read from its VARIANT, then the others on fields not yet named."""
    variant = F.try_parse_json(text)
    wrong = F.filter(F.array(*_wrong_types("", message, variant)), lambda reason: reason.isNotNull())
    named = F.transform(wrong, lambda reason: F.substring_index(reason, ":", 1))
    rest = F.filter(quick, lambda reason: ~F.array_contains(named, F.substring_index(reason, ":", 1)))
    return (
        F.when(variant.isNull(), F.array(F.lit("message: not JSON")))
        .when(~F.schema_of_variant(variant).startswith("OBJECT"), F.array(F.lit("message: not a JSON object")))
        .otherwise(F.concat(wrong, rest))
    )


def _wrong_types(path: str, schema: Schema, variant: Column) -> Iterator[Column]:
    for name, inner in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        yield _wrong_type(here, inner, F.schema_of_variant(F.variant_get(variant, f"$.{here}", "variant")))
        if types_of(inner)[0] == "object":
            yield from _wrong_types(here, inner, variant)
        elif types_of(inner)[0] == "array":
            lines = F.try_variant_get(variant, f"$.{here}", "array<variant>")
            for field, of_field in inner["items"]["properties"].items():
                yield F.array_max(
                    F.transform(lines, functools.partial(_wrong_in_line, f"{here}[].{field}", of_field, field))
                )


def _wrong_in_line(path: str, schema: Schema, field: str, line: Column) -> Column:
    return _wrong_type(path, schema, F.schema_of_variant(F.variant_get(line, f"$.{field}", "variant")))


def _wrong_type(path: str, schema: Schema, kind: Column) -> Column:
    types = types_of(schema)
    allowed = "|".join(KINDS[type_] for type_ in types)
    seen = F.lower(F.regexp_extract(kind, r"^([A-Z]+)", 1))
    words = f" where {' or '.join(types)} is expected"
    return F.when(~kind.rlike(f"^(?:{allowed})"), F.concat(F.lit(f"{path}: "), seen, F.lit(words)))

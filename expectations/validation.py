"""What is wrong with a message: the contract compiled into one parse and Spark Column rules.

A message is parsed once into a typed struct. One that could hide a wrong type (a sound and cheap test on the text)
is looked at again as a VARIANT, field by field; the other 99 % never pay for that.
"""

import functools
from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import MOST_BYTES, Contract, columns_of, ddl, fields, parsed_ddl
from expectations.rules import kind_number, lines, rules_of
from expectations.suspects import is_suspect, wrong_types

NOT_JSON = "message: not JSON"


@functools.lru_cache(maxsize=8)
def with_validation(rules: Contract) -> Callable[[DataFrame], DataFrame]:
    """Adds `event` (the message as a typed struct), `reasons` (every rule it breaks; empty when valid) and `extra`
    (the fields of a valid message that its version of the contract does not know, as JSON text by name; null when
    none). A payload field stands in `event` under the first name it had, whatever the message's version calls it.

    Needs `value` (binary) and `received_at` (timestamp). Where there is a column `refusal`, a message that has one is
    refused for that alone: its value was not made plain JSON. A reason reads `field: what is wrong` and never
    repeats a value. A contract is compiled once: that takes the driver longer than some micro-batches.
    """
    text = F.when(F.octet_length("value") <= MOST_BYTES, F.col("value").cast("string"))
    event, kind = F.col("event"), F.col("_kind")
    suspect = event.isNull() | event["_corrupt"].isNotNull() | is_suspect(rules, text, event, kind)
    found = rules_of(rules, event, kind)
    # Most messages break nothing: whether they do is asked first, in one condition, and why only of the others.
    quick = F.when(F.col("_broken"), F.split(lines(found.reasons), "\n")).otherwise(F.array().cast("array<string>"))
    reasons = F.when(F.col("_suspect"), _exact(quick)).otherwise(quick)
    refused = F.when(F.col("refusal").isNotNull(), F.array("refusal")).otherwise(reasons)
    # Columns of their own, each used more than once, so that Spark works them out once a row.
    steps = [
        {"event": _parsed(rules, text)},
        {"_kind": kind_number(rules, event["event_type"], event["schema_version"])},
        {"_suspect": suspect, "_broken": found.is_broken},
        {"_variant": F.when(F.col("_suspect"), F.try_parse_json(text))},
        {"_wrong": F.when(F.col("_suspect"), wrong_types(rules, F.col("_variant")))},
    ]
    extra = F.when(F.col("_suspect") & (F.size("reasons") == 0), _unknown_fields(text, rules, kind))
    typed = _in_columns(rules, event)

    def transform(frame: DataFrame) -> DataFrame:
        told = functools.reduce(DataFrame.withColumns, steps, frame)
        told = told.withColumn("reasons", refused if "refusal" in frame.columns else reasons)
        told = told.withColumns({"extra": extra, "event": typed})
        return told.drop("_kind", "_suspect", "_broken", "_variant", "_wrong")

    return transform


def _parsed(rules: Contract, text: Column) -> Column:
    payload = {"type": "object", "properties": fields(rules)}
    message = {**rules.envelope["properties"], "payload": payload}
    struct = ", ".join(f"`{name}`: {parsed_ddl(schema)}" for name, schema in message.items())
    options = {"columnNameOfCorruptRecord": "_corrupt", "allowNonNumericNumbers": "false", "allowSingleQuotes": "false"}
    return F.from_json(text, f"struct<{struct}, _corrupt: string>", options)


def _in_columns(rules: Contract, event: Column) -> Column:
    """The event with its payload's fields under the names, and in the types, that all versions share."""
    # SQL text, because a Column of many calls takes the driver longer to build than the rows take to judge.
    sources: dict[str, dict[str, list[int]]] = {}  # column -> the name in messages -> the kinds that have it
    for place, one in enumerate(rules.kinds):
        for name in one.payload["properties"]:
            sources.setdefault(rules.column(one, name), {}).setdefault(name, []).append(place)
    wide, columns = fields(rules), []
    for column, schema in columns_of(rules).items():
        cases = []
        for name, kinds in sources[column].items():
            typed = f"event.payload.`{name}`"
            if parsed_ddl(wide[name]) != ddl(schema):
                typed = f"try_cast({typed} AS {ddl(schema)})"
            cases.append(f"WHEN _kind IN ({', '.join(map(str, kinds))}) THEN {typed}")
        columns.append(F.expr(f"CASE {' '.join(cases)} END").alias(column))
    envelope = [event[name].alias(name) for name in rules.envelope["properties"] if name != "payload"]
    return F.struct(*envelope, F.struct(*columns).alias("payload"))


def _unknown_fields(text: Column, rules: Contract, kind: Column) -> Column:
    """The fields that the message's kind does not have, by name, as JSON text; null when there is none."""
    top = F.from_json(text, "map<string, string>")
    payload = F.from_json(top["payload"], "map<string, string>")
    known = F.when(F.lit(False), F.array().cast("array<string>"))
    for place, one in enumerate(rules.kinds):
        known = known.when(kind == place, F.array(*map(F.lit, one.payload["properties"])))
    unknown = F.map_concat(
        F.map_filter(top, lambda name, _: ~name.isin(list(rules.envelope["properties"]))),
        F.transform_keys(
            F.map_filter(payload, lambda name, _: ~F.array_contains(known, name)),
            lambda name, _: F.concat(F.lit("payload."), name),
        ),
    )
    return F.when(F.size(unknown) > 0, unknown)


def _exact(quick: Column) -> Column:
    """Reasons of a suspect message: wrong types as its VARIANT has them, then the others on fields not yet named."""
    wrong = F.col("_wrong")
    named = F.transform(wrong, lambda reason: F.substring_index(reason, ":", 1))
    rest = F.filter(quick, lambda reason: ~F.array_contains(named, F.substring_index(reason, ":", 1)))
    return (
        F.when(F.octet_length("value") > MOST_BYTES, F.array(F.lit(f"message: over {MOST_BYTES >> 10} KiB")))
        .when(F.col("_variant").isNull(), F.array(F.lit(NOT_JSON)))
        .when(wrong.isNull(), F.array(F.lit("message: not a JSON object")))
        .when(F.size(wrong) == 0, quick)
        .otherwise(F.concat(wrong, rest))
    )

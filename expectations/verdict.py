"""What is wrong with a message: the contract compiled into one parse and Spark Column rules.

A message is parsed once into a typed struct. One that could hide a wrong type (a sound and cheap test on the text)
is looked at again as a VARIANT, field by field; the other 99 % never pay for that.
"""

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import MOST_BYTES, Contract, ddl, union
from expectations.rules import lines, rules_of
from expectations.suspects import surprise, with_a_map, wrong_types


def with_event(rules: Contract) -> Callable[[DataFrame], DataFrame]:
    """Adds `event` (the message as a typed struct), `reasons` (every rule it breaks; empty when valid) and `extra`
    (the fields of a valid message that the contract does not know, as JSON text by name; null when none).

    Needs `value` (binary) and `received_at` (timestamp). A reason reads `field: what is wrong` and never
    repeats a value.
    """
    message = {**rules.envelope, "properties": {**rules.envelope["properties"], "payload": union(rules)}}
    fields = ", ".join(f"`{name}`: {ddl(schema)}" for name, schema in message["properties"].items())

    def transform(frame: DataFrame) -> DataFrame:
        text = F.when(F.octet_length("value") <= MOST_BYTES, F.col("value").cast("string"))
        strict = {"allowNonNumericNumbers": "false", "allowSingleQuotes": "false"}
        options = {"columnNameOfCorruptRecord": "_corrupt", **strict}
        parsed = frame.withColumn("event", F.from_json(text, f"struct<{fields}, _corrupt: string>", options))
        event = F.col("event")
        is_suspect = event.isNull() | event["_corrupt"].isNotNull() | text.rlike(surprise(message))
        is_suspect |= F.coalesce(event["event_type"].isin(with_a_map(rules)), F.lit(False))
        found = rules_of(rules, event)
        # Most messages break nothing: whether they do is asked first, in one condition, and why only of the others.
        why = F.split(lines(found.reasons), "\n")
        told = parsed.withColumns({"_suspect": is_suspect, "_broken": found.is_broken})
        # Columns of their own, each used more than once, so that Spark works them out once a row.
        told = told.withColumn("_variant", F.when(F.col("_suspect"), F.try_parse_json(text)))
        told = told.withColumn("_wrong", wrong_types(rules, F.col("_variant")))
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


def _exact(quick: Column) -> Column:
    """Reasons of a suspect message: wrong types as its VARIANT has them, then the others on fields not yet named."""
    wrong = F.col("_wrong")
    named = F.transform(wrong, lambda reason: F.substring_index(reason, ":", 1))
    rest = F.filter(quick, lambda reason: ~F.array_contains(named, F.substring_index(reason, ":", 1)))
    return (
        F.when(F.octet_length("value") > MOST_BYTES, F.array(F.lit(f"message: over {MOST_BYTES >> 10} KiB")))
        .when(F.col("_variant").isNull(), F.array(F.lit("message: not JSON")))
        .when(wrong.isNull(), F.array(F.lit("message: not a JSON object")))
        .when(F.size(wrong) == 0, quick)
        .otherwise(F.concat(wrong, rest))
    )

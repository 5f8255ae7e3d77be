"""What is wrong with a message: the contract compiled into one parse and Spark Column rules.

A message is parsed once into a typed struct. One that is not plain by its text (expectations/plain_messages.py) is
looked at value by value in Python first, and what is left of it parsed in its place; the other 99 % never pay for that.
"""

import functools
from collections.abc import Callable

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import MOST_BYTES, Contract
from expectations.nodes import Text
from expectations.plain_messages import are_plain
from expectations.rules import id_or_null, lines, rules_of, version_place
from expectations.spark_types import column_type, ddl, parsed_type, struct
from expectations.type_recheck import recheck

NOT_JSON = "message: not JSON"
TOO_LONG = f"message: over {MOST_BYTES >> 10} KiB"
RECHECKED = "struct<text: string, wrong: array<string>, extra: map<string, string>>"
ARROW_RECHECKED = pa.struct(
    {"text": pa.string(), "wrong": pa.list_(pa.string()), "extra": pa.map_(pa.string(), pa.string())}
)


@functools.lru_cache(maxsize=8)
def with_validation(contract: Contract) -> Callable[[DataFrame], DataFrame]:
    """Adds `event` (the message as a typed struct), `reasons` (every rule it breaks; empty when valid) and `extra`
    (the fields of a valid message that its version of the contract does not know, at every depth, by path; null when
    none). A payload field stands in `event` under the first name it had, whatever the message's version calls it.

    Needs `value` (binary), `size_bytes` (int: of the message as it came; null: as it is) and `received_at` (timestamp).
    Where there is a column `decode_error`, a message that has one is refused for that alone: its value was not made
    plain JSON. Where there is a column `plain_by`, the digest of a contract, a message is believed to be plain by it. A
    reason reads `field: what is wrong` and never repeats a value. A contract is compiled once: that takes the driver
    longer than some micro-batches.
    """
    size = F.coalesce("size_bytes", F.octet_length("value"))
    text = F.when(size <= MOST_BYTES, F.col("value").cast("string"))
    event, version, again = F.col("event"), F.col("_version"), F.col("_rechecked")
    rules = rules_of(contract, event, version)
    quick, nothing = F.col("_quick"), F.array().cast("array<string>")
    reasons = (
        F.when(size > MOST_BYTES, F.array(F.lit(TOO_LONG)))
        .when(F.col("value").isNull(), F.array(F.lit(NOT_JSON)))
        .when(again.isNull(), quick)
        .when(again["text"].isNull(), again["wrong"])
        .otherwise(_both(again["wrong"], quick))
    )
    # Columns of their own, each used more than once, so that Spark works them out once a row. Most messages break
    # nothing: whether they do is asked first, in one condition, and why only of the others; and not within functions of
    # arrays, which are interpreted with all that they are of.
    steps = [
        {"event": _parsed(contract, F.when(again.isNull(), text).otherwise(again["text"]))},
        {"_version": version_place(contract, event["event_type"], event["schema_version"])},
        {"_broken": rules.is_broken},
        {"_quick": F.when(F.col("_broken"), F.split(lines(rules.reasons), "\n")).otherwise(nothing)},
    ]
    extra = F.when((F.size("reasons") == 0) & (F.size(again["extra"]) > 0), again["extra"])
    typed = _in_columns(contract, event)

    def transform(frame: DataFrame) -> DataFrame:
        is_known = F.col("plain_by").eqNullSafe(contract.digest) if "plain_by" in frame.columns else F.lit(False)
        rechecked = _rechecked(contract)(F.when(~is_known & text.isNotNull(), F.col("value")))
        judged = functools.reduce(DataFrame.withColumns, steps, frame.withColumn("_rechecked", rechecked))
        refused = F.when(F.col("decode_error").isNotNull(), F.array("decode_error")).otherwise(reasons)
        judged = judged.withColumn("reasons", refused if "decode_error" in frame.columns else reasons)
        judged = judged.withColumns({"extra": extra, "event": typed})
        return judged.drop("_version", "_rechecked", "_broken", "_quick")

    return transform


def _parsed(contract: Contract, text: Column) -> Column:
    payload = parsed_type(struct(contract.payload_fields()))
    fields = {
        field.name: payload if field.name == "payload" else parsed_type(column_type(field.node))
        for field in contract.envelope.fields
    }
    options = {"allowNonNumericNumbers": "false", "allowSingleQuotes": "false"}
    return F.from_json(text, ddl(struct(fields)), options)


def _rechecked(contract: Contract) -> Callable[[Column], Column]:
    """Of a message: what is seen at the second look; null where it is plain, or null."""

    def look(messages: pa.Array) -> pa.Array:
        asked = zip(messages.to_pylist(), are_plain(messages, contract), strict=True)
        seen = [None if text is None or is_plain else recheck(text, contract) for text, is_plain in asked]
        return pa.array(
            [None if one is None else {**one._asdict(), "extra": list(one.extra.items())} for one in seen],
            ARROW_RECHECKED,
        )

    return F.arrow_udf(look, RECHECKED)  # type: ignore[call-overload]


def _both(wrong: Column, quick: Column) -> Column:
    """The wrong types, and the other reasons on fields not named yet: what is of a wrong type was taken out."""
    named = F.transform(wrong, lambda reason: F.substring_index(reason, ":", 1))
    rest = F.filter(quick, lambda reason: ~F.array_contains(named, F.substring_index(reason, ":", 1)))
    return F.when(F.size(wrong) == 0, quick).otherwise(F.concat(wrong, rest))


def _in_columns(contract: Contract, event: Column) -> Column:
    """The event with its payload's fields under the names, and in the types, that all versions share."""
    # SQL text, because a Column of many calls takes the driver longer to build than the rows take to judge.
    sources: dict[str, dict[str, list[int]]] = {}  # column -> the name in messages -> the versions that have it
    for place, one in enumerate(contract.versions):
        for field in one.payload.fields:
            sources.setdefault(contract.column(one, field), {}).setdefault(field.name, []).append(place)
    ids = {field.name for one in contract.versions for field in one.payload.fields if _is_id(field.node)}
    fields, columns = contract.payload_fields(), []
    for column, type_ in contract.payload_columns().items():
        cases = []
        for name, places in sources[column].items():
            typed = f"event.payload.`{name}`"
            if parsed_type(fields[name]) != type_:
                typed = f"try_cast({typed} AS {ddl(type_)})"
            cases.append(f"WHEN _version IN ({', '.join(map(str, places))}) THEN {typed}")
        value = F.expr(f"CASE {' '.join(cases)} END")
        columns.append((id_or_null(value) if column in ids else value).alias(column))
    envelope = [
        (id_or_null(event[field.name]) if _is_id(field.node) else event[field.name]).alias(field.name)
        for field in contract.envelope.fields
        if field.name != "payload"
    ]
    return F.struct(*envelope, F.struct(*columns).alias("payload"))


def _is_id(node: object) -> bool:
    return isinstance(node, Text) and node.is_id

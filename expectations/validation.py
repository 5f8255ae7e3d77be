"""What is wrong with a message: the contract compiled into one parse, and a judgement of what is not plainly valid.

Most messages are valid by their text (expectations/valid_messages.py), which landing has noted: they are parsed, and
nothing but their time is judged. The others are judged value by value in Python (expectations/judging.py), and what is
left of them parsed. So Spark's plan has no rule of the contract in it, and is planned and compiled in little time.
"""

import functools
from collections.abc import Callable

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import MOST_BYTES, Contract, EventVersion
from expectations.event_time import untimely
from expectations.judging import NOT_JSON, judge
from expectations.spark_types import column_type, ddl, parsed_type, struct
from expectations.valid_messages import are_valid

TOO_LONG = f"message: over {MOST_BYTES >> 10} KiB"
JUDGEMENT = "struct<text: string, reasons: array<string>, extra: map<string, string>>"
ARROW_JUDGEMENT = pa.struct(
    {"text": pa.string(), "reasons": pa.list_(pa.string()), "extra": pa.map_(pa.string(), pa.string())}
)


def with_validation(contract: Contract) -> Callable[[DataFrame], DataFrame]:
    """Adds `event` (the message as a typed struct), `reasons` (every rule it breaks; empty when valid) and `extra`
    (the fields of a valid message that its version of the contract does not know, at every depth, by path; null when
    none). A payload field stands in `event` under the first name it had, whatever the message's version calls it.

    Needs `value` (binary), `size_bytes` (int: of the message as it came; null: as it is) and `received_at` (timestamp).
    Where there is a column `decode_error`, a message that has one is refused for that alone: its value was not made
    plain JSON. Where there is a column `valid_by`, the digest of a contract, a message is believed to be valid by it. A
    reason reads `field: what is wrong` and never repeats a value.
    """

    def transform(frame: DataFrame) -> DataFrame:
        steps = _steps(contract, "valid_by" in frame.columns, "decode_error" in frame.columns)
        return functools.reduce(DataFrame.withColumns, steps, frame).drop("_judged", "_untimely")

    return transform


def parsed(contract: Contract) -> Callable[[DataFrame], DataFrame]:
    """Adds `event` and `extra`, as with_validation does, to messages that are known to be valid by their text."""

    def transform(frame: DataFrame) -> DataFrame:
        event = frame.withColumn("event", _parsed(contract, F.col("value").cast("string")))
        nothing = F.lit(None).cast("map<string, string>")
        return event.withColumns({"event": F.expr(_in_columns(contract) or "event"), "extra": nothing})

    return transform


@functools.lru_cache(maxsize=16)
def _steps(contract: Contract, is_noted: bool, may_be_undecoded: bool) -> list[dict[str, Column]]:
    """Columns, each used more than once, so that Spark works them out once a row."""
    size = F.coalesce("size_bytes", F.octet_length("value"))
    text = F.when(size <= MOST_BYTES, F.col("value").cast("string"))
    is_known = F.col("valid_by").eqNullSafe(contract.digest) if is_noted else F.lit(False)
    judged, late = F.col("_judged"), F.col("_untimely")
    undecoded = F.col("decode_error") if may_be_undecoded else F.lit(None).cast("string")
    reasons = (
        F.when(undecoded.isNotNull(), F.array(undecoded))
        .when(size > MOST_BYTES, F.array(F.lit(TOO_LONG)))
        .when(F.col("value").isNull(), F.array(F.lit(NOT_JSON)))
        .when(judged.isNull(), F.array_compact(F.array(late)))
        .when(late.isNull(), judged["reasons"])
        .otherwise(F.array_append(judged["reasons"], late))
    )
    return [
        # Null where the message is valid by its text, or there is none to judge.
        {"_judged": _judged(contract)(F.when(~is_known & text.isNotNull(), F.col("value")))},
        {"event": _parsed(contract, F.when(judged.isNull(), text).otherwise(judged["text"]))},
        {"_untimely": untimely()},
        {"reasons": reasons, "event": F.expr(_in_columns(contract) or "event")},
        {"extra": F.when((F.size("reasons") == 0) & (F.size(judged["extra"]) > 0), judged["extra"])},
    ]


def _parsed(contract: Contract, text: Column) -> Column:
    payload = parsed_type(struct(contract.payload_fields()))
    fields = {
        field.name: payload if field.name == "payload" else parsed_type(column_type(field.node))
        for field in contract.envelope.fields
    }
    options = {"allowNonNumericNumbers": "false", "allowSingleQuotes": "false"}
    return F.from_json(text, ddl(struct(fields)), options)


def _judged(contract: Contract) -> Callable[[Column], Column]:
    """Of a message: how it is judged; null where it is valid by its text, or null."""

    def judge_all(messages: pa.Array) -> pa.Array:
        asked = zip(messages.to_pylist(), are_valid(messages, contract), strict=True)
        judged = [None if message is None or is_valid else judge(message, contract) for message, is_valid in asked]
        return pa.array(
            [None if one is None else {**one._asdict(), "extra": list(one.extra.items())} for one in judged],
            ARROW_JUDGEMENT,
        )

    return F.arrow_udf(judge_all, JUDGEMENT)  # type: ignore[call-overload]


def _in_columns(contract: Contract) -> str | None:
    """The event with its payload's fields under the names, and in the types, that all versions share, in SQL; None
    where messages have them so. What is parsed of a valid message has the fields of its own version alone."""
    sources: dict[str, dict[str, list[EventVersion]]] = {}  # column -> the name in messages -> the versions with it
    columns_of: dict[str, set[str]] = {}
    for one in contract.versions:
        for field in one.payload.fields:
            column = contract.column(one, field)
            sources.setdefault(column, {}).setdefault(field.name, []).append(one)
            columns_of.setdefault(field.name, set()).add(column)
    fields, of_columns, is_same = contract.payload_fields(), [], True
    for column, type_ in contract.payload_columns().items():
        values = []
        for name, versions in sources[column].items():
            value = f"event.payload.`{name}`"
            if parsed_type(fields[name]) != type_:
                value = f"try_cast({value} AS {ddl(type_)})"
            if len(columns_of[name]) > 1:
                value = f"CASE WHEN {' OR '.join(map(_is_of, versions))} THEN {value} END"
            values.append(value)
        is_same &= values == [f"event.payload.`{column}`"]
        value = values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
        of_columns.append(f"{value} AS `{column}`")
    envelope = [f"event.`{field.name}`" for field in contract.envelope.fields if field.name != "payload"]
    return None if is_same else f"struct({', '.join(envelope)}, struct({', '.join(of_columns)}) AS payload)"


def _is_of(version: EventVersion) -> str:
    return f"(event.event_type = '{version.event_type}' AND event.schema_version = {version.version})"

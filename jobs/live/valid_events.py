"""The valid events among messages, in Python: for what is read live, where a micro-batch may take no second.

Bronze and silver judge the same by the same rules, in plans that say a reason for what is refused and have a place for
each row; planning them takes longer than judging a small micro-batch. A test compares the two on drawn messages.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
from pyspark.sql import DataFrame

from expectations.contract import MOST_BYTES, Contract
from expectations.event_time import moment_of
from expectations.judging import judge
from expectations.valid_messages import are_valid, valid_and_harmless
from jobs.landing.reading import Reader, as_decoded, received_at, with_size
from jobs.privacy.message import Protection, safe

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Renamed = Mapping[tuple[str, int], Mapping[str, str]]


class Event(NamedTuple):
    """An event that the contract takes. `fields`: the message as it may be kept, a payload's fields under the names of
    silver.events; what is optional may be missing or None. `occurred_at`, `received_at`: with a time zone."""

    fields: dict[str, Any]
    occurred_at: datetime
    received_at: datetime


def as_arrived(messages: DataFrame, reader: Reader) -> DataFrame:
    """Kafka-shaped rows as `value` (binary, plain JSON; null: not to be read) and `received` (microseconds since
    1970), in half as many partitions as there are cores: a task costs more than the few messages of a Kafka partition.
    200 messages of 6 partitions took 1.3 s as they came, and 0.3 s in one task, on two busy cores.
    """
    # A key that is no text is encrypted when it lands, and the message with it: the lake does not take it either.
    has_text_key = "(key IS NULL OR is_valid_utf8(CAST(key AS string)))"
    is_readable = f"decode_error IS NULL AND size_bytes <= {MOST_BYTES} AND {has_text_key}"
    cores = messages.sparkSession.sparkContext.defaultParallelism
    together = messages.coalesce(max(1, cores // 2))
    received = as_decoded(with_size(together), reader).withColumn("received_at", received_at())
    return received.selectExpr(f"if({is_readable}, value, NULL) AS value", "unix_micros(received_at) AS received")


def valid_events(
    messages: Sequence[tuple[bytes | None, int]], contract: Contract, protection: Protection
) -> Iterator[Event]:
    """The events among rows of `as_arrived`, in their order. What is refused is left out."""
    values, renamed = pa.array([value for value, _ in messages], pa.binary()), _renamed(contract)
    for text, (_, time) in zip(_valid_texts(values, contract, protection), messages, strict=True):
        if text is not None:
            fields, at = msgspec.json.decode(text), EPOCH + timedelta(microseconds=time)
            moment = moment_of(fields, at)
            if moment is not None:
                yield Event(_in_columns(fields, renamed), moment, at)


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


def _valid_texts(messages: pa.Array, contract: Contract, protection: Protection) -> Iterator[bytes | str | None]:
    """Each message as it may be kept, as JSON in the types of the contract; None where it is not valid."""
    harmless = valid_and_harmless(messages, contract)
    kept = [
        value if value is None or one is not None else safe(value, protection)
        for value, one in zip(messages.to_pylist(), harmless, strict=True)
    ]
    for value, is_valid in zip(kept, are_valid(pa.array(kept, pa.binary()), contract), strict=True):
        if value is None or is_valid:
            yield value
        else:
            judgement = judge(value, contract)
            yield None if judgement.reasons else judgement.text


def _in_columns(fields: dict[str, Any], renamed: Renamed) -> dict[str, Any]:
    names = renamed.get((fields["event_type"], fields["schema_version"]))
    if not names:
        return fields
    return {**fields, "payload": {names.get(name, name): value for name, value in fields["payload"].items()}}


@functools.lru_cache(maxsize=8)
def _renamed(contract: Contract) -> Renamed:
    """By event type and version: the payload's fields that silver.events has under another name, and which."""
    return {
        (one.event_type, one.version): {
            field.name: contract.column(one, field)
            for field in one.payload.fields
            if contract.column(one, field) != field.name
        }
        for one in contract.versions
    }

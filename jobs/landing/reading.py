"""From a message on the topic to an event: out of a schema registry's frame, made safe to keep, judged.

The one way in: bronze, silver and a replay of quarantine come by here, and what is read live is held to it by test, so
that what one of them understands all of them do. The contract is the one in force when a micro-batch is read.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import EARLIEST, MOST_BYTES, Contract
from expectations.event_time import is_timely
from expectations.validation import NOT_JSON, with_validation
from jobs.lake.literals import per_batch
from jobs.landing import contracts
from jobs.landing.uniqueness import event_hash
from jobs.privacy.columns import as_safe
from jobs.privacy.message import Protection, protection_of
from jobs.schema_registry import lookup
from jobs.schema_registry.framing import Lookup, with_decoded_value
from jobs.settings.loading import Settings

LATEST_CLOCK = "5 minutes"
"""How far a producer's clock may be ahead of ours before its timestamp is called impossible."""


@dataclass(frozen=True)
class Reader:
    """How messages are read. `contract`: gives the one in force. `schemas`: those of the registry, if there is one."""

    contract: Callable[[], Contract]
    schemas: Lookup | None
    protection: Protection


def reader_of(settings: Settings) -> Reader:
    """Raises OperatorError where a secret, or a folder that the settings name, is missing."""
    return Reader(
        contracts.in_force(settings.contracts), lookup.lookup(settings.schema_registry), protection_of(settings.privacy)
    )


@contextmanager
def received(messages: DataFrame, reader: Reader, contract: Contract) -> Iterator[DataFrame]:
    """Kafka-shaped rows (topic, topic_id, partition, offset, timestamp, key, value) as bronze.events keeps them.

    While the block lasts a micro-batch of framed messages is kept in memory, and in memory alone: it is asked for the
    schemas' ids before it is read, and on no disk may lie what names somebody.
    """
    with held(messages, reader) as rows:
        yield as_received(rows, reader, contract)


@contextmanager
def held(messages: DataFrame, reader: Reader) -> Iterator[DataFrame]:
    """Messages that may be read more than once, as those of a schema registry are, while the block lasts."""
    if reader.schemas is None:
        yield messages
        return
    rows = messages.persist(StorageLevel.MEMORY_ONLY)
    try:
        yield rows
    finally:
        rows.unpersist()


def as_received(messages: DataFrame, reader: Reader, contract: Contract) -> DataFrame:
    """The same of a frame that may be read more than once."""
    dated = with_size(messages).withColumn("received_at", received_at())
    return as_kept(dated.withColumn("received_date", F.to_date("received_at")), reader, contract)


def with_size(messages: DataFrame) -> DataFrame:
    """Adds `size_bytes`: of a message as it came."""
    return messages.withColumn("size_bytes", F.octet_length("value"))


def as_decoded(messages: DataFrame, reader: Reader) -> DataFrame:
    """Out of a registry's frame where there is a registry: plain JSON, or with the `decode_error` that says why not."""
    if reader.schemas is None:
        return messages.withColumn("decode_error", F.lit(None).cast("string"))
    return with_decoded_value(messages, reader.schemas)


def as_kept(messages: DataFrame, reader: Reader, contract: Contract) -> DataFrame:
    """Messages with `size_bytes` as they may be kept: plain JSON, or with the `decode_error` that says why not; what
    names somebody a token, or all of it encrypted under the key `sealed_by`. `event_hash`: of a message that is valid
    by `valid_by`, in time, and may be counted as far as it says itself."""
    safe = as_decoded(messages, reader).transform(as_safe(contract, reader.protection))
    noted = F.col("noted")
    settled = F.when(is_timely(noted["occurred_at"]), event_hash(noted["event_id"]))
    return safe.withColumn("event_hash", settled).drop("noted")


def received_at() -> Column:
    """When the broker took the message; where it does not say, or says an impossible time, when it was read."""
    read_at = per_batch(f"timestamp_micros({time.time_ns() // 1000})", "partition")
    latest = f"{read_at} + interval {LATEST_CLOCK}"
    is_possible = f"timestamp BETWEEN timestamp '{EARLIEST}' AND {latest}"
    return F.expr(f"CASE WHEN {is_possible} THEN timestamp ELSE {read_at} END")


def as_judged(kept: DataFrame, contract: Contract) -> DataFrame:
    """Rows in the columns of bronze.events with `event`, `reasons` and `extra` (expectations/validation.py)."""
    # What is encrypted reads as anything, now and then as a number.
    is_unread = F.col("sealed_by").isNotNull() & (F.coalesce("size_bytes", F.octet_length("value")) <= MOST_BYTES)
    decode_error = F.coalesce("decode_error", F.when(is_unread, NOT_JSON))
    return kept.withColumn("decode_error", decode_error).transform(with_validation(contract))

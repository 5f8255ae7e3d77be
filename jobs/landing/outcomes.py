"""What becomes of each message that bronze holds: kept, quarantined, a duplicate, or refused by consent.

`landed` is what an earlier run kept before it was killed. The first time and a replay of quarantine come by here.
"""

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import Contract
from expectations.event_time import occurred_at
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.literals import per_batch
from jobs.lake.materialized import materialized
from jobs.landing import reading
from jobs.landing.consent_refusal import decisions_for, with_consent_refusal
from jobs.landing.uniqueness import COORDINATES, as_suspects, as_taken, by_coordinates, event_hash

KEPT_IN = "silver.events"


def with_outcome(judged: DataFrame, taken: DataFrame | None) -> DataFrame:
    """Adds `outcome` (kept, landed, quarantined, refused or duplicate) to rows with `event`, `reasons`, `is_refused`.

    `taken`: coordinates and outcome of valid rows whose event_id is taken; None: there are none.
    """
    otherwise = F.when(F.size("reasons") > 0, "quarantined").when(F.col("is_refused"), "refused").otherwise("kept")
    if taken is None:
        return judged.withColumn("outcome", otherwise)
    marked = by_coordinates(judged, F.broadcast(taken), how="left")
    return marked.withColumn("outcome", F.coalesce("outcome", otherwise))


def as_ids(judged: DataFrame) -> DataFrame:
    """What the valid rows are compared by; one that is refused takes no id."""
    return as_hashes(judged.where(~F.col("is_refused")))


def as_hashes(judged: DataFrame) -> DataFrame:
    """What the valid rows are compared by before it is known which of them are refused."""
    valid = judged.where(F.size("reasons") == 0)
    return valid.select("event.event_id", event_hash(F.col("event.event_id")), "received_at", *COORDINATES)


def as_events(judged: DataFrame, late_hours: int) -> DataFrame:
    """The kept rows, typed, in the columns of silver.events; late is what arrived so many hours after it occurred."""
    at = occurred_at()
    kept = judged.where(F.col("outcome") == "kept").withColumn("_at", at)
    typed = kept.select("event.*", "extra", *COORDINATES, "received_at", "_at")
    return (
        typed.withColumn("occurred_at", F.col("_at"))
        .withColumn("event_date", F.to_date("occurred_at"))
        .withColumn("is_late", F.col("occurred_at") < F.col("received_at") - F.expr(f"interval {late_hours} hours"))
        .withColumn("event_hash", event_hash(F.col("event_id")))
        .drop("_at")
    )


def as_rejected(judged: DataFrame, contract: Contract) -> DataFrame:
    """The rejected rows in the columns of quarantine.events."""
    rejected = judged.where(F.col("outcome") == "quarantined")
    columns = [*COORDINATES, "received_at", "key", "value", "size_bytes", "sealed_by"]
    of_event = ["event.event_id", "event.event_type", "reasons"]
    version, state = F.lit(contract.newest).alias("contract_version"), F.lit("open").alias("state")
    return rejected.select(*columns, *of_event, version, state)


def as_ledger(received: DataFrame, outcomes: DataFrame, batch: int) -> DataFrame:
    """One row per topic, topic id and partition: the offset range and the count of each outcome.

    `outcomes`: rows of `received` with `outcome`; those that have none here are kept.
    """
    place = ("topic", "topic_id", "partition", "offset")
    others = outcomes.where("outcome NOT IN ('kept', 'landed')").select(*place, "outcome")
    counted = received.select(*place, F.lit("received").alias("outcome")).union(others)
    counts = counted.groupBy(*place[:3]).agg(
        F.min("offset").alias("first_offset"),
        F.max("offset").alias("last_offset"),
        *[
            F.count_if(F.col("outcome") == outcome).alias(outcome)
            for outcome in ("received", "quarantined", "duplicate", "refused")
        ],
        F.lit(0).alias("lost"),
    )
    kept = F.expr("received - quarantined - duplicate - refused")
    return counts.withColumns({"kept": kept, "batch": F.expr(per_batch(str(batch), "partition"))})


def as_judged(received: DataFrame, contract: Contract) -> DataFrame:
    """Rows of bronze.events with `event`, `reasons` and `extra`; key and value stay with rejected rows only."""
    judged = reading.as_judged(received, contract)
    is_rejected = F.size("reasons") > 0
    return judged.select(
        *COORDINATES,
        "received_at",
        "size_bytes",
        "event",
        "reasons",
        "extra",
        "sealed_by",
        *[F.when(is_rejected, F.col(name)).alias(name) for name in ("key", "value")],
    )


def as_rejected_before(judged: DataFrame, quarantined: DataFrame) -> DataFrame:
    """The judged rows, of which those that quarantine has stay rejected, for the reasons they lie there for."""
    earlier = quarantined.select(*COORDINATES, F.col("reasons").alias("_reasons")).dropDuplicates(list(COORDINATES))
    marked = by_coordinates(judged, earlier, how="left")
    return marked.withColumn("reasons", F.coalesce("_reasons", "reasons")).drop("_reasons")


@contextmanager
def with_suspects(lake: Lake, *ids: DataFrame) -> Iterator[DataFrame | None]:
    """Each `event_hash` that two of all the rows have, or one of them and silver.events; None: there is none."""
    hashes = functools.reduce(DataFrame.union, [rows.select("event_hash") for rows in ids])
    with materialized(as_suspects(hashes, tables.read(lake, KEPT_IN))) as suspects:
        yield unless_empty(suspects)


@contextmanager
def with_outcomes(
    lake: Lake, judged: DataFrame, record: DataFrame | None, suspects: DataFrame | None
) -> Iterator[DataFrame]:
    """The judged rows, which are materialized, with `outcome`. `record`: rows of silver.consents; None: there are none.
    `suspects`: by `with_suspects`, of these rows and any others.

    Mostly nobody has denied anything, and no id is taken: what is asked of all rows then is joined with nothing.
    """
    consent = lake.settings.consent
    with ExitStack() as stack:
        decisions = None
        if record is not None:
            decisions = stack.enter_context(materialized(decisions_for(judged, record, consent)))
        marked = with_consent_refusal(judged, unless_empty(decisions), consent)
        taken = None
        if suspects is not None:
            kept = tables.read(lake, KEPT_IN).select("event_id", "event_hash", *COORDINATES)
            taken = stack.enter_context(materialized(as_taken(as_ids(marked), kept, suspects)))
        yield with_outcome(marked, taken)


def unless_empty(rows: DataFrame | None) -> DataFrame | None:
    return None if rows is None or rows.isEmpty() else rows

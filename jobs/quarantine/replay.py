"""Quarantined messages judged again, by the contract and the code as they are now.

They go the way of the first time: made safe, judged, compared with what silver.events has, landed. A replay may be
killed and run again: a row that landed is known by its coordinates in Kafka, and only its state is mended. Messages
that are still broken stay open, with the reasons of today; what its person does not allow to be counted is discarded.
"""

import dataclasses

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import Contract
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.conflicts import CONFLICTS, again_on_conflict
from jobs.lake.lake import Lake
from jobs.lake.materialized import materialized
from jobs.lake.writer_lock import writer_lock
from jobs.landing import outcomes
from jobs.landing.consent_refusal import record_now
from jobs.landing.outcomes import KEPT_IN
from jobs.landing.reading import Reader, as_kept, reader_of
from jobs.landing.uniqueness import COORDINATES
from jobs.privacy.columns import as_opened
from jobs.quarantine.review import TABLE, Choice, messages_of

# A message that lands keeps what it was quarantined as.
CHANGED: dict[str, str | Column] = {
    **{name: f"new.{name}" for name in ("state", "event_id", "event_type", "contract_version")},
    **{
        name: f"CASE WHEN new.state = 'open' THEN new.{name} ELSE old.{name} END"
        for name in ("key", "value", "sealed_by", "reasons")
    },
}


@dataclasses.dataclass(frozen=True)
class Replayed:
    """How many messages were judged again: those that are in silver.events now, those whose event_id another message
    has, those that their person does not allow to be counted, and those that are still broken."""

    kept: int
    duplicate: int
    quarantined: int
    refused: int = 0


def replay(lake: Lake, choice: Choice, dry_run: bool = False) -> Replayed:
    """Lands the open ones among the messages meant. Raises OperatorError while silver.events is being written."""
    with writer_lock(lake.root, KEPT_IN):
        tables.create(lake, KEPT_IN)
        reader = reader_of(lake.settings)
        contract = reader.contract()
        open_ones = messages_of(lake, dataclasses.replace(choice, state="open"))
        # Materialized in between, as bronze.events is: Spark takes minutes over the plan of both steps in one.
        with (
            materialized(as_messages(open_ones)) as messages,
            materialized(as_received_again(messages, reader, contract)) as again,
            materialized(outcomes.as_judged(again, contract)) as judged,
            outcomes.with_suspects(lake, outcomes.as_hashes(judged)) as suspects,
            outcomes.with_outcomes(lake, judged, record_now(lake), suspects) as rows,
        ):
            counts = {row["outcome"]: row["count"] for row in rows.groupBy("outcome").count().collect()}
            if not dry_run:
                tables.append(lake, KEPT_IN, outcomes.as_events(rows, lake.settings.streaming.late_hours))
                settle(lake, as_changes(rows, contract))
    landed = counts.get("kept", 0) + counts.get("landed", 0)
    return Replayed(landed, *[counts.get(outcome, 0) for outcome in ("duplicate", "quarantined", "refused")])


def as_messages(quarantined: DataFrame) -> DataFrame:
    """Rows of quarantine.events as messages, one row for each place in Kafka."""
    columns = (*COORDINATES, "received_at", "key", "value", "size_bytes", "sealed_by")
    return quarantined.select(*columns).dropDuplicates([*COORDINATES])  # a release before might have had one twice


def as_received_again(messages: DataFrame, reader: Reader, contract: Contract) -> DataFrame:
    """The messages as bronze.events would have them today."""
    is_sealed = F.col("sealed_by").isNotNull()
    plain = messages.where(~is_sealed)
    if messages.where(is_sealed).isEmpty():
        return plain.withColumn("decode_error", F.lit(None).cast("string"))
    opened = messages.where(is_sealed).transform(as_opened(reader.protection))
    sized = opened.withColumn("size_bytes", F.coalesce("size_bytes", F.octet_length("value")))
    safe = as_kept(sized, reader, contract)
    return plain.unionByName(safe, allowMissingColumns=True)


def as_changes(judged: DataFrame, contract: Contract) -> DataFrame:
    """What the replay says of each row of quarantine.events."""
    is_broken, is_refused = (F.col("outcome") == outcome for outcome in ("quarantined", "refused"))
    return judged.select(
        *COORDINATES,
        F.when(is_broken, "open").when(is_refused, "discarded").otherwise("replayed").alias("state"),
        *("key", "value", "sealed_by"),
        "event.event_id",
        "event.event_type",
        "reasons",
        F.lit(contract.newest).alias("contract_version"),
    )


def settle(lake: Lake, changes: DataFrame) -> None:
    """Writes what the replay says into the rows that are still open, in one commit.

    Raises OperatorError, and changes nothing, when quarantine.events was written to meanwhile.
    """
    same = " AND ".join(f"old.`{name}` <=> new.`{name}`" for name in COORDINATES)
    try:
        again_on_conflict(
            lambda: tables.merge(lake, TABLE, changes, same).whenMatchedUpdate("old.state = 'open'", CHANGED).execute()
        )
    except CONFLICTS as error:
        raise OperatorError(f"{TABLE} was written to meanwhile; what landed is safe, run the replay again") from error

"""Quarantined messages judged again, by the contract and the code as they are now.

They go the way of the first time: made safe, judged, compared with what silver.events has, landed. A replay may be
killed and run again: a row that landed is known by its coordinates in Kafka, and only its state is mended. Messages
that are still broken stay open, with the reasons of today; what its person does not allow to be counted is discarded.
"""

import dataclasses

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.contract import Contract
from jobs.bronze.events import as_safe_messages
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.conflicts import CONFLICTS, again_on_conflict
from jobs.lake.writer_lock import writer_lock
from jobs.landing import contracts
from jobs.landing.consent_refusal import record_now, with_refusal
from jobs.landing.uniqueness import COORDINATES
from jobs.privacy.columns import as_opened
from jobs.privacy.message import safe_way
from jobs.quarantine.review import TABLE, Choice, chosen
from jobs.schema_registry import lookup as registry
from jobs.settings.loading import Settings
from jobs.silver import events

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


def replay(spark: SparkSession, settings: Settings, choice: Choice, dry_run: bool = False) -> Replayed:
    """Lands the open ones among the messages meant. Raises OperatorError while silver.events is being written."""
    with writer_lock(settings, events.TABLE):
        tables.create(spark, events.TABLE)
        rules = contracts.in_force(settings.contracts)()
        again = as_received_again(chosen(spark, dataclasses.replace(choice, state="open")), rules, settings)
        judged = with_refusal(events.as_judged(again, rules), record_now(spark), settings.consent)
        kept = tables.read(spark, events.TABLE).select("event_id", "event_hash", *COORDINATES)
        with events.fated(judged, kept) as fated:
            counts = {row["fate"]: row["count"] for row in fated.groupBy("fate").count().collect()}
            if not dry_run:
                tables.append(events.as_events(fated, settings.streaming.late_hours), events.TABLE)
                settle(as_changes(fated, rules))
    landed = counts.get("kept", 0) + counts.get("landed", 0)
    return Replayed(landed, *[counts.get(fate, 0) for fate in ("duplicate", "quarantined", "refused")])


def as_received_again(quarantined: DataFrame, rules: Contract, settings: Settings) -> DataFrame:
    """The messages as bronze.events would have them today, one row for each place in Kafka."""
    how = safe_way(settings.privacy)
    columns = (*COORDINATES, "received_at", "key", "value", "sealed_by")
    kept = quarantined.select(*columns).dropDuplicates([*COORDINATES])  # of one message, where a checkpoint was lost
    opened = kept.where("sealed_by IS NOT NULL").transform(as_opened(how))
    safe = as_safe_messages(opened, rules, registry.lookup(settings.registry), how)
    return kept.where("sealed_by IS NULL").unionByName(safe, allowMissingColumns=True)


def as_changes(fated: DataFrame, rules: Contract) -> DataFrame:
    """What the replay says of each row of quarantine.events."""
    is_broken, is_refused = (F.col("fate") == fate for fate in ("quarantined", "refused"))
    return fated.select(
        *COORDINATES,
        F.when(is_broken, "open").when(is_refused, "discarded").otherwise("replayed").alias("state"),
        *("key", "value", "sealed_by"),
        "event.event_id",
        "event.event_type",
        "reasons",
        F.lit(rules.version).alias("contract_version"),
    )


def settle(changes: DataFrame) -> None:
    """Writes what the replay says into the rows that are still open, in one commit.

    Raises OperatorError, and changes nothing, when quarantine.events was written to meanwhile.
    """
    same = " AND ".join(f"old.`{name}` = new.`{name}`" for name in COORDINATES)
    try:
        again_on_conflict(
            lambda: tables.merge(changes, TABLE, same).whenMatchedUpdate("old.state = 'open'", CHANGED).execute()
        )
    except CONFLICTS as error:
        raise OperatorError(f"{TABLE} was written to meanwhile; what landed is safe, run the replay again") from error

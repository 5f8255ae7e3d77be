"""silver.events: one row per valid event, by event_id. Rejected messages go to quarantine.events with every reason.

Of messages with one event_id the first received is kept, whether the others come in the same micro-batch or
later. Behaviour that the person does not allow to be counted is refused (see refusal). What became of every offset is
counted in ops.ledger. A batch that is run again after a crash writes nothing twice: each table is appended under a
transaction id of its own, and a row that the table has already, by its coordinates in Kafka, is no duplicate and is
not written again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import MOST_BYTES, Contract
from expectations.rules import moment
from expectations.validation import NOT_JSON, with_validation
from jobs import job
from jobs.lake import streams, tables
from jobs.lake.materialized import materialized
from jobs.lake.session import spark_for
from jobs.landing import contracts
from jobs.landing.consent_refusal import record_before, with_refusal
from jobs.landing.uniqueness import COORDINATES, as_taken, event_hash
from jobs.settings.loading import Settings

TABLE = "silver.events"
QUARANTINE = "quarantine.events"
LEDGER = "ops.ledger"


def with_fate(judged: DataFrame, taken: DataFrame) -> DataFrame:
    """Adds `fate` (kept, landed, quarantined, refused or duplicate) to rows with `event`, `reasons`, `is_refused`.

    `taken`: coordinates and fate of valid rows whose event_id is taken.
    """
    marked = judged.join(F.broadcast(taken), on=list(COORDINATES), how="left")
    otherwise = F.when(F.size("reasons") > 0, "quarantined").when(F.col("is_refused"), "refused").otherwise("kept")
    return marked.withColumn("fate", F.coalesce("fate", otherwise))


def as_ids(judged: DataFrame) -> DataFrame:
    """What the valid rows are compared by; one that is refused takes no id."""
    valid = judged.where((F.size("reasons") == 0) & ~F.col("is_refused"))
    return valid.select("event.event_id", event_hash(F.col("event.event_id")), "received_at", *COORDINATES)


def as_events(judged: DataFrame, late_hours: int) -> DataFrame:
    """The kept rows, typed, in the columns of silver.events; late is what arrived so many hours after it occurred."""
    kept = judged.where(F.col("fate") == "kept").select("event.*", "extra", *COORDINATES, "received_at")
    return (
        kept.withColumn("occurred_at", moment(F.col("occurred_at")))
        .withColumn("event_date", F.to_date("occurred_at"))
        .withColumn("is_late", F.col("occurred_at") < F.col("received_at") - F.expr(f"interval {late_hours} hours"))
        .withColumn("event_hash", event_hash(F.col("event_id")))
    )


def as_rejected(judged: DataFrame, rules: Contract) -> DataFrame:
    """The rejected rows in the columns of quarantine.events."""
    rejected = judged.where(F.col("fate") == "quarantined")
    columns = [
        *COORDINATES,
        "received_at",
        "key",
        "value",
        "sealed_by",
        "event.event_id",
        "event.event_type",
        "reasons",
    ]
    return rejected.select(*columns, F.lit(rules.version).alias("contract_version"), F.lit("open").alias("state"))


def as_ledger(judged: DataFrame, batch: int) -> DataFrame:
    """One row per topic and partition: the offset range and the count of each fate."""
    return judged.groupBy("topic", "partition").agg(
        F.min("offset").alias("first_offset"),
        F.max("offset").alias("last_offset"),
        F.count("*").alias("received"),
        F.count_if(F.col("fate").isin("kept", "landed")).alias("kept"),
        *[F.count_if(F.col("fate") == fate).alias(fate) for fate in ("quarantined", "duplicate", "refused")],
        F.lit(batch).alias("batch"),
    )


def as_judged(received: DataFrame, rules: Contract) -> DataFrame:
    """Rows of bronze.events with `event`, `reasons` and `extra`; key and value stay with rejected rows only."""
    # What is encrypted reads as anything, now and then as a number.
    is_unread = F.col("sealed_by").isNotNull() & (F.octet_length("value") <= MOST_BYTES)
    refusal = F.coalesce("refusal", F.when(is_unread, NOT_JSON))
    judged = received.withColumn("refusal", refusal).transform(with_validation(rules))
    is_rejected = F.size("reasons") > 0
    return judged.select(
        *COORDINATES,
        "received_at",
        "event",
        "reasons",
        "extra",
        "sealed_by",
        *[F.when(is_rejected, F.col(name)).alias(name) for name in ("key", "value")],
    )


def as_rejected_before(judged: DataFrame, quarantined: DataFrame) -> DataFrame:
    """The judged rows, of which those that quarantine has stay rejected, for the reasons they lie there for."""
    known = quarantined.select(*COORDINATES, F.col("reasons").alias("_reasons")).dropDuplicates(list(COORDINATES))
    marked = judged.join(known, on=list(COORDINATES), how="left")
    return marked.withColumn("reasons", F.coalesce("_reasons", "reasons")).drop("_reasons")


@contextmanager
def fated(judged: DataFrame, kept: DataFrame) -> Iterator[DataFrame]:
    """The judged rows with `fate`, each worked out once. `kept`: id, hash and coordinates of all rows of silver.events,
    as they are at the beginning."""
    with materialized(judged) as rows, materialized(as_taken(as_ids(rows), kept)) as taken:
        yield with_fate(rows, taken)


def land(received: DataFrame, batch: int, rules: Contract, settings: Settings) -> None:
    """One micro-batch of bronze.events into the three tables."""
    query = streams.query_id(received)
    kept = tables.read(received.sparkSession, TABLE).select("event_id", "event_hash", *COORDINATES)
    judged = with_refusal(as_judged(received, rules), record_before(received), settings.consent)
    if tables.has_appended(received.sparkSession, QUARANTINE, query, batch):
        # By a run that was killed. The contract may have grown since, and nothing shall lie in both tables.
        judged = as_rejected_before(judged, tables.read(received.sparkSession, QUARANTINE))
    with fated(judged, kept) as rows:
        # Where the contract grew since a crash, what is valid now was not among the rows written then.
        tables.append_once(as_events(rows, settings.streaming.late_hours), TABLE, f"{query}/{rules.digest}", batch)
        tables.append_once(as_rejected(rows, rules), QUARANTINE, query, batch)
        tables.append_once(as_ledger(rows, batch), LEDGER, query, batch)


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for(TABLE, settings)
    received = tables.stream(spark, "bronze.events", maxBytesPerTrigger=settings.streaming.max_bytes_per_trigger)
    tables.create(spark, TABLE, QUARANTINE, LEDGER)
    rules = contracts.in_force(settings.contracts)
    writer = received.writeStream.foreachBatch(lambda rows, batch: land(rows, batch, rules(), settings))
    streams.run(writer, spark, TABLE, settings, options.continuous)


if __name__ == "__main__":
    job.submit(main)

"""History of a batch source: every state of a row with the time in which it was valid (a dimension of type 2)."""

import logging
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.source_contract import SourceContract, source_contract
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.settings.loading import Settings
from jobs.sources import landings
from jobs.sources.landings import Landing

log = logging.getLogger(__name__)


def now(spark: SparkSession, name: str) -> DataFrame:
    """The rows of a table with history that are valid now. Raises OperatorError when it is not built yet."""
    return tables.read(spark, name).where("valid_to IS NULL")


def at(spark: SparkSession, name: str, moment: datetime) -> DataFrame:
    """The rows that were valid at the moment. Raises OperatorError when the table is not built yet."""
    when = F.lit(moment)
    is_over = F.coalesce(F.col("valid_to") <= when, F.lit(False))
    return tables.read(spark, name).where((F.col("valid_from") <= when) & ~is_over)


def keep(name: str, settings: Settings) -> None:
    """Takes the landings of source `name` that are new into silver, one commit each; may be killed and run again."""
    silver, rules = f"silver.{name}", source_contract(name)
    spark = spark_for(silver, settings)
    tables.read(spark, f"bronze.{name}")  # says how to build it where it is not
    past = landings.past(spark, name)
    new = past.pending()
    if past.is_lost and not (new and new[0].is_full):
        raise OperatorError(
            f"{silver} is gone; land the source whole once, and its history begins anew:"
            f" LAKEHOUSE_SOURCES__{name.upper()}_MODE=full lakehouse run bronze.{name} {silver}"
        )
    tables.create(spark, silver)
    for landing in new:
        with landings.alone(silver):
            opened, closed = take_in(spark, name, rules, landing)
        landings.record(spark, silver, landing, rows=now(spark, silver).count(), opened=opened, closed=closed)
        log.info("%s: landing %d, %s opened, %s closed", silver, landing.number, f"{opened:,}", f"{closed:,}")


def take_in(spark: SparkSession, name: str, rules: SourceContract, landing: Landing) -> tuple[int, int]:
    """Merges one landing; returns how many rows became valid, and how many ceased to be.

    A second time it finds nothing to change, so a landing that was merged but not recorded does no harm.
    """
    silver, is_it = f"silver.{name}", F.col("landing") == landing.number
    landed = tables.read(spark, f"bronze.{name}").where(is_it)
    rejected = tables.read(spark, "quarantine.sources").where(is_it & (F.col("table_name") == f"bronze.{name}"))
    doubtful = rejected.select(F.col("row_key").alias(rules.key))
    changes = as_changes(now(spark, silver), landed, doubtful, rules, landing.is_full).persist()
    try:
        counts = changes.agg(F.count_if(F.col("closes").isNull()).alias("opened"), F.count("closes").alias("closed"))
        opened, closed = counts.collect()[0]
        if opened or closed:
            moment = F.lit(landing.landed_at)
            values = {field: F.col(f"new.{field}") for field in rules.names}
            (
                tables.merge(changes, silver, f"old.{rules.key} = new.closes AND old.valid_to IS NULL")
                .whenMatchedUpdate(set={"valid_to": moment})
                .whenNotMatchedInsert(values={**values, "valid_from": moment, "valid_to": F.lit(None)})
                .execute()
            )
        return opened, closed
    finally:
        changes.unpersist()


def as_changes(
    valid: DataFrame, landed: DataFrame, doubtful: DataFrame, rules: SourceContract, is_full: bool
) -> DataFrame:
    """One row per state to close (`closes`: its key) and per state to open (`closes` null; the fields).

    What a full source lacks has ended, except `doubtful` keys: those of rows that were there but broken. The key of
    a row that could not be parsed is not known: its state ends, and a new one opens when the row is mended.
    """
    fields = F.struct(*rules.names)
    old = valid.select(F.col(rules.key).alias("key"), fields.alias("old"))
    new = landed.select(F.col(rules.key).alias("key"), fields.alias("new"))
    unsure = doubtful.select(F.col(rules.key).alias("key"), F.lit(True).alias("is_doubtful")).distinct()
    both = old.join(new, on="key", how="full").join(unsure, on="key", how="left")
    is_old, is_new = F.col("old").isNotNull(), F.col("new").isNotNull()
    has_ended = F.lit(is_full) & ~is_new & F.col("is_doubtful").isNull()
    differs = is_new & ~F.col("old").eqNullSafe(F.col("new"))
    closing = F.struct(F.col("key").alias("closes"), F.col("old").alias("state"))
    opening = F.struct(F.lit(None).cast("string").alias("closes"), F.col("new").alias("state"))
    found = F.array(F.when(is_old & (differs | has_ended), closing), F.when(differs, opening))
    changes = both.select(F.explode(F.array_compact(found)).alias("change"))
    return changes.select("change.closes", "change.state.*")

"""History of a batch source: every state of a row with the time in which it was valid (a dimension of type 2)."""

import functools
import logging
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.source_contract import SourceContract, source_contract
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.sources import former_release, landings
from jobs.sources.landings import Landing

log = logging.getLogger(__name__)


def current_rows(lake: Lake, name: str) -> DataFrame:
    """The rows of a table with history that are valid now. Raises OperatorError when it is not built yet."""
    return tables.read(lake, name).where("valid_to IS NULL")


def rows_at(lake: Lake, name: str, moment: datetime) -> DataFrame:
    """The rows that were valid at the moment. Raises OperatorError when the table is not built yet."""
    when = F.lit(moment)
    is_over = F.coalesce(F.col("valid_to") <= when, F.lit(False))
    return tables.read(lake, name).where((F.col("valid_from") <= when) & ~is_over)


def keep(lake: Lake, name: str) -> None:
    """Takes the landings of source `name` that are new into silver, one commit each; may be killed and run again."""
    silver, contract = f"silver.{name}", source_contract(name)
    for table in (f"bronze.{name}", silver):
        former_release.mend(lake, table)
    tables.read(lake, f"bronze.{name}")  # says how to build it where it is not
    past = landings.past(lake, name)
    new = past.pending()
    if past.is_lost and not (new and new[0].is_full):
        raise OperatorError(
            f"{silver} is gone; land the source whole once, and its history begins anew:"
            f" LAKEHOUSE_SOURCES__{name.upper()}__MODE=full lakehouse run bronze.{name} {silver}"
        )
    tables.create(lake, silver)
    for landing in new:
        with landings.refusing_conflicts(silver):
            opened, closed = take_in(lake, name, contract, landing)
        landings.record(lake, silver, landing, rows=current_rows(lake, silver).count(), opened=opened, closed=closed)
        log.info("%s: landing %d, %s opened, %s closed", silver, landing.number, f"{opened:,}", f"{closed:,}")


def take_in(lake: Lake, name: str, contract: SourceContract, landing: Landing) -> tuple[int, int]:
    """Merges one landing; returns how many rows became valid, and how many ceased to be.

    A second time it finds nothing to change, so a landing that was merged but not recorded does no harm.
    """
    silver, is_it = f"silver.{name}", F.col("landing") == landing.number
    landed = tables.read(lake, f"bronze.{name}").where(is_it)
    rejected = tables.read(lake, "quarantine.sources").where(is_it & (F.col("table_name") == f"bronze.{name}"))
    doubtful = rejected.select(F.col("row_key").alias(contract.key))
    changes = as_changes(current_rows(lake, silver), landed, doubtful, contract, landing.is_full).persist()
    try:
        counts = changes.agg(F.count_if(F.col("closes").isNull()).alias("opened"), F.count("closes").alias("closed"))
        opened, closed = counts.collect()[0]
        if opened or closed:
            moment = F.lit(landing.landed_at)
            values = {column: F.col(f"new.{column}") for column in contract.kept}
            (
                tables.merge(lake, silver, changes, f"old.{contract.key} = new.closes AND old.valid_to IS NULL")
                .whenMatchedUpdate(set={"valid_to": moment})
                .whenNotMatchedInsert(values={**values, "valid_from": moment, "valid_to": F.lit(None)})
                .execute()
            )
        return opened, closed
    finally:
        changes.unpersist()


def as_changes(
    valid: DataFrame, landed: DataFrame, doubtful: DataFrame, contract: SourceContract, is_full: bool
) -> DataFrame:
    """One row per state to close (`closes`: its key) and per state to open (`closes` null; the fields).

    What a full source lacks has ended, except `doubtful` keys: those of rows that were there but broken. The key of
    a row that could not be parsed is not known: its state ends, and a new one opens when the row is mended.
    """
    fields = F.struct(*contract.kept)
    old = valid.select(F.col(contract.key).alias("key"), fields.alias("old"))
    new = landed.select(F.col(contract.key).alias("key"), fields.alias("new"))
    unsure = doubtful.select(F.col(contract.key).alias("key"), F.lit(True).alias("is_doubtful")).distinct()
    both = old.join(new, on="key", how="full").join(unsure, on="key", how="left")
    is_old, is_new = F.col("old").isNotNull(), F.col("new").isNotNull()
    has_ended = F.lit(is_full) & ~is_new & F.col("is_doubtful").isNull()
    is_same = [F.col(f"old.{name}").eqNullSafe(F.col(f"new.{name}")) for name in contract.names]
    for name in contract.kept.keys() - contract.names:
        entries = [F.array_sort(F.map_entries(f"{side}.{name}")) for side in ("old", "new")]
        is_same.append(entries[0].eqNullSafe(entries[1]))
    differs = is_new & ~(is_old & functools.reduce(Column.__and__, is_same))
    closing = F.struct(F.col("key").alias("closes"), F.col("old").alias("state"))
    opening = F.struct(F.lit(None).cast("string").alias("closes"), F.col("new").alias("state"))
    both_changes = F.array(F.when(is_old & (differs | has_ended), closing), F.when(differs, opening))
    changes = both.select(F.explode(F.array_compact(both_changes)).alias("change"))
    return changes.select("change.closes", "change.state.*")

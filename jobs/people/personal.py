"""The one way from silver to anything about a person: it says whose a row is, and leaves out who does not allow it."""

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import PURPOSES
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.consent import IDS, as_decisions, is_denied
from jobs.people.identity import IDENTIFIERS, person_id

RECORD = "silver.consents"
BROADCAST_ROWS = 100_000  # of two ids each: some 20 MB


def personal(lake: Lake, table: str, purpose: str, as_of: datetime) -> DataFrame:
    """The rows of a table about persons who at `as_of` allow the purpose, as now on record, with `person_id` in place
    of the identifiers that came. Rows that name nobody are left out, and so are those that come after the call.

    `table`: one with user_id and anonymous_id, or one made of such tables, with person_id. Raises OperatorError when it
    or silver.consents is not built, and for a purpose that is none: what cannot be decided is not allowed.
    """
    if purpose not in PURPOSES:
        raise OperatorError(f"no purpose {purpose}; the purposes are: {', '.join(PURPOSES)}")
    # One version of each table: who comes later has not been decided on, and what is said later is not on record now.
    rows = tables.read(lake, table, tables.version(lake, table))
    if "person_id" in rows.columns:
        of_people = rows.withColumns({"user_id": F.col("person_id"), "anonymous_id": F.lit(None).cast("string")})
    else:
        of_people = rows.withColumn("person_id", person_id())
    of_people = of_people.where("person_id IS NOT NULL")
    is_allowed_unasked = getattr(lake.settings.consent, purpose)
    said = (F.col("purpose") == purpose) & (F.col("valid_from") <= F.lit(as_of))
    record = tables.read(lake, RECORD, tables.version(lake, RECORD)).where(said)
    decisions = as_decisions(of_people.select(*IDS).distinct(), record)
    others = _decided(decisions.where(is_denied() if is_allowed_unasked else ~is_denied()))
    is_same = [F.col(name).eqNullSafe(F.col(f"_{name}")) for name in IDS]
    return of_people.join(others, on=is_same, how="left_anti" if is_allowed_unasked else "left_semi").drop(*IDENTIFIERS)


def _decided(decisions: DataFrame) -> DataFrame:
    """Who they are about (_user_id, _anonymous_id); where they are few, worked out once for all that is then read of
    the table, and held by the driver, which outlives an executor.

    Spark's estimate of them is that of the table, so it would sort the whole table to join a few thousand rows.
    """
    ids = decisions.select(*[F.col(name).alias(f"_{name}") for name in IDS])
    few = ids.limit(BROADCAST_ROWS + 1).collect()
    if len(few) > BROADCAST_ROWS:
        return ids
    return F.broadcast(decisions.sparkSession.createDataFrame(few, ids.schema))

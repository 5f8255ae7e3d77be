"""The one way from silver to anything about a person: it says whose a row is, and leaves out who does not allow it."""

from datetime import datetime
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import PURPOSES
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.consent import IDS, as_decisions, is_denied
from jobs.people.identity import IDENTIFIERS, merged_people, own_ids

RECORD = "silver.consents"
BROADCAST_ROWS = 100_000  # of two ids each: some 20 MB


def personal(lake: Lake, table: str, purpose: str, as_of: datetime, people: DataFrame | None = None) -> DataFrame:
    """The rows of a table about persons who at `as_of` allow the purpose, as now on record, with `person_id` in place
    of the identifiers that came. Rows that name nobody are left out, and so are those that come after the call.

    Whose a row is silver.identities says, as it is now, and what was said under any identifier of a person counts for
    all that is theirs. `table`: one with user_id and anonymous_id, or one made of such tables, with person_id, which
    keeps the names that it has. `people`: person_id of those whose rows are asked for, few enough to be held by each
    executor; None: of everybody. Raises OperatorError when it, silver.consents or silver.identities is not built, and
    for a purpose that is none: what cannot be decided is not allowed.
    """
    return personal_tables(lake, (table,), purpose, as_of, people)[0]


def personal_tables(
    lake: Lake, names: tuple[str, ...], purpose: str, as_of: datetime, people: DataFrame | None = None
) -> list[DataFrame]:
    """The same of several tables, decided once for all of them."""
    if purpose not in PURPOSES:
        raise OperatorError(f"no purpose {purpose}; the purposes are: {', '.join(PURPOSES)}")
    # One version of each table: who comes later has not been decided on, and what is said later is not on record now.
    tables_of_people = [_with_own_ids(tables.read(lake, name, tables.version(lake, name))) for name in names]
    said = (F.col("purpose") == purpose) & (F.col("valid_from") <= F.lit(as_of))
    record = tables.read(lake, RECORD, tables.version(lake, RECORD)).where(said).withColumns(own_ids())
    # Who agrees speaks for themselves; their browser may be another's too, who does not.
    is_of_visitor = ~F.col("is_granted") | F.col("user_id").isNull()
    record = record.withColumn("anonymous_id", F.when(is_of_visitor, F.col("anonymous_id")))
    merged = _held(merged_people(lake))
    if people is not None:
        theirs = F.broadcast(_names(people, merged))
        tables_of_people = [rows.join(theirs, on="person_id", how="left_semi") for rows in tables_of_people]
    is_allowed_unasked = getattr(lake.settings.consent, purpose)
    pairs = reduce(DataFrame.union, [rows.select(*IDS) for rows in tables_of_people]).distinct()
    judged = _judged(pairs, record, merged, is_allowed_unasked)
    is_other = ~F.col("_is_allowed") | (F.col("_person_id") != F.coalesce(*IDS))
    held = _held(judged.where(is_other if is_allowed_unasked else "_is_allowed"))
    return [_only_allowed(rows, held, is_allowed_unasked) for rows in tables_of_people]


def _with_own_ids(rows: DataFrame) -> DataFrame:
    """With the ids each as a person of its own, and person_id, the first of them; `_keeps_names`, where it has one."""
    keeps_names = "person_id" in rows.columns
    ids = {"user_id": F.col("person_id"), "anonymous_id": F.lit(None).cast("string")} if keeps_names else own_ids()
    named = rows.withColumns({**ids, "_keeps_names": F.lit(keeps_names)})
    return named.withColumn("person_id", F.coalesce(*IDS)).where("person_id IS NOT NULL")


def _only_allowed(rows: DataFrame, held: DataFrame | None, is_allowed_unasked: bool) -> DataFrame:
    if held is None:
        return (rows if is_allowed_unasked else rows.limit(0)).drop(*IDENTIFIERS, "_keeps_names")
    columns = held.withColumnsRenamed({name: f"_{name}" for name in IDS})
    is_same = [F.col(name).eqNullSafe(F.col(f"_{name}")) for name in IDS]
    allowed = rows.join(columns, on=is_same, how="left" if is_allowed_unasked else "inner")
    person_id = F.when(F.col("_keeps_names"), F.col("person_id")).otherwise(F.coalesce("_person_id", "person_id"))
    known = allowed.where("_is_allowed IS NOT false").withColumn("person_id", person_id)
    return known.drop(*IDENTIFIERS, "_keeps_names", *columns.columns)


def names_of(lake: Lake, people: DataFrame) -> DataFrame:
    """person_id of every name that is one of these people's: their own, and those of whoever they were before they
    became one."""
    return _names(people, merged_people(lake))


def _names(people: DataFrame, merged: DataFrame | None) -> DataFrame:
    own = people.select("person_id")
    if merged is None:
        return own
    former = merged.join(F.broadcast(own), on="person_id", how="left_semi").select(
        F.col("own_person_id").alias("person_id")
    )
    is_own = F.col("person_id") == F.col("own_person_id")
    return own.join(merged.select("own_person_id"), on=is_own, how="left_anti").unionByName(former)


def _judged(pairs: DataFrame, record: DataFrame, merged: DataFrame | None, is_allowed_unasked: bool) -> DataFrame:
    """Each of `pairs` (user_id, anonymous_id, each as a person of its own) with `_person_id`, whose it is, and
    `_is_allowed`. What has identifiers of two people, as on a tablet of both, is the user's, and either may deny it."""
    owners = F.array_distinct(F.array_compact(F.array(*[f"_{name}" for name in IDS])))
    of_owners = _with_people(pairs, merged).select(*IDS, owners[0].alias("_person_id"), F.explode(owners).alias("_of"))
    people = of_owners.select(
        F.col("_of").alias("user_id"), F.lit(None).cast("string").alias("anonymous_id")
    ).distinct()
    statements = _with_people(record, merged).drop(*IDS).withColumnsRenamed({f"_{name}": name for name in IDS})
    decided = as_decisions(people, statements).select(F.col("user_id").alias("_of"), is_denied().alias("_is_denied"))
    is_allowed = F.coalesce(~F.bool_or("_is_denied"), F.lit(is_allowed_unasked)).alias("_is_allowed")
    return of_owners.join(decided, on="_of", how="left").groupBy(*IDS, "_person_id").agg(is_allowed)


def _with_people(rows: DataFrame, merged: DataFrame | None) -> DataFrame:
    """Adds `_user_id` and `_anonymous_id`: the persons to whom these identifiers belong."""
    if merged is None:
        return rows.withColumns({f"_{name}": F.col(name) for name in IDS})
    for name in IDS:
        person = merged.withColumnsRenamed({"own_person_id": f"_own_{name}", "person_id": f"_{name}"})
        rows = rows.join(person, on=F.col(name) == F.col(f"_own_{name}"), how="left")
        rows = rows.withColumn(f"_{name}", F.coalesce(f"_{name}", name)).drop(f"_own_{name}")
    return rows


def _held(frame: DataFrame) -> DataFrame | None:
    """The frame; where it is small, worked out once for all that is then read of the table, and held by the driver,
    which outlives an executor. None: it has no rows.

    Spark's estimate of it is that of the table, so it would sort the whole table to join a few thousand rows.
    """
    few = frame.limit(BROADCAST_ROWS + 1).collect()
    if len(few) > BROADCAST_ROWS:
        return frame
    if not few:
        return None
    return F.broadcast(frame.sparkSession.createDataFrame(few, frame.schema))

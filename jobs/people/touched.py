"""Whom new rows concern: by the identifiers in them, and by what silver.identities says anew."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.identity import IDENTIFIERS, current_identities, own_person_id


def named_in(lake: Lake, rows: DataFrame) -> DataFrame:
    """person_id of whoever may be meant by identifiers: by what silver.identities says now, and by their own names."""
    each = [F.struct(F.lit(name).alias("identifier_type"), F.col(name).alias("identifier")) for name in IDENTIFIERS]
    named = rows.select(F.explode(F.array(*each)).alias("one")).select("one.*").where("identifier IS NOT NULL")
    distinct = named.distinct()
    people = distinct.select(_own_name().alias("person_id"))
    if tables.exists(lake, "silver.identities"):
        by_link = current_identities(lake).join(distinct, on=["identifier_type", "identifier"], how="left_semi")
        people = people.unionByName(by_link.select("person_id"))
    return people.distinct()


def moved(lake: Lake, since: str) -> DataFrame:
    """person_id and `cause` (merge or event): of identifiers of which silver.identities says something else since, who
    had them, and who has them."""
    if not tables.exists(lake, "silver.identities"):
        return lake.spark.createDataFrame([], "person_id string, cause string")
    begun, ended = (
        F.coalesce(F.col(name) > F.lit(since or "1970-01-01").cast("timestamp"), F.lit(False))
        for name in ("valid_from", "valid_to")
    )
    changed = tables.read(lake, "silver.identities").where(begun | ended)
    cause = F.when(F.bool_or(ended), "merge").otherwise("event")
    of_each = changed.groupBy("identifier_type", "identifier").agg(
        F.collect_set("person_id").alias("people"), cause.alias("cause")
    )
    return of_each.select(F.explode(F.array_union("people", F.array(_own_name()))).alias("person_id"), "cause")


def last_change(lake: Lake) -> str:
    """When silver.identities changed last; empty where it is not built."""
    if not tables.exists(lake, "silver.identities"):
        return ""
    last = tables.read(lake, "silver.identities").agg(F.max(F.greatest("valid_from", "valid_to"))).collect()[0][0]
    return "" if last is None else str(last.isoformat())


def _own_name() -> Column:
    return own_person_id(F.col("identifier_type"), F.col("identifier"))

"""Who allows what: the rule by which it is decided from what was said.

A statement is a row of silver.consents. What a person said in a `consent` event outranks what a client remembered
when it sent another event: such a copy may be old, so it can deny anew but never grant again what the person denied.
Where nothing is on record the settings decide ([consent] in conf/base.toml).

A person's denial is in force unless a grant of theirs of a later time undoes it that did not arrive before it; a grant
that is later by a day or more undoes it in any case. So a withdrawal that arrives after a grant wins although a
device's clock dated it up to a day before. A client's denial is in force unless a later copy grants, or the person did
at that time or later. At equal times the denial counts. What was said under one of two ids that stand in one row
counts for the row, whichever of the two it was.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

IDS = ("user_id", "anonymous_id")
DAY = "1 day"


def as_decisions(people: DataFrame, statements: DataFrame) -> DataFrame:
    """What counts for each row of `people` (user_id, anonymous_id; distinct) of whom there is a statement.

    `is_denied_by_person`: a denial of their own is in force. `client_denied_at`: the time of the last denial of a
    client that is in force; null: none. `statements`: rows of silver.consents of one purpose, seen from one moment. In
    both, the ids may be those of persons, for all identifiers that are theirs.
    """
    words = F.array_compact(F.array(*IDS))
    ids = people.select(*IDS, F.explode(F.array_distinct(words)).alias("id"))
    said_of_id = statements.select(
        F.explode(F.array_distinct(words)).alias("id"), "is_granted", "said_by", "valid_from", "recorded_at"
    )
    of_person = ids.join(said_of_id, on="id", how="inner")
    by_person = F.col("said_by") == "person"
    undone = F.when(by_person, _is_undone_by_person()).otherwise(_is_undone_for_client())
    in_force = ~F.col("is_granted") & ~F.coalesce(undone, F.lit(False))
    marked = of_person.withColumn("_in_force", in_force)
    return marked.groupBy(*IDS).agg(
        F.bool_or(F.col("_in_force") & by_person).alias("is_denied_by_person"),
        F.max(F.when(F.col("_in_force") & ~by_person, F.col("valid_from"))).alias("client_denied_at"),
    )


def is_denied() -> Column:
    """Whether a row of `as_decisions` is a denial."""
    return F.col("is_denied_by_person") | F.col("client_denied_at").isNotNull()


def _is_undone_by_person() -> Column:
    person = Window.partitionBy(*IDS)
    not_before = person.orderBy("recorded_at").rangeBetween(Window.currentRow, Window.unboundedFollowing)
    granted, at = _granted_at("person"), F.col("valid_from")
    return (F.max(granted).over(not_before) > at) | (F.max(granted).over(person) >= at + F.expr(f"interval {DAY}"))


def _is_undone_for_client() -> Column:
    person, at = Window.partitionBy(*IDS), F.col("valid_from")
    by_person = F.coalesce(F.max(_granted_at("person")).over(person) >= at, F.lit(False))
    return by_person | (F.max(_granted_at("client")).over(person) > at)


def _granted_at(said_by: str) -> Column:
    return F.when(F.col("is_granted") & (F.col("said_by") == said_by), F.col("valid_from"))

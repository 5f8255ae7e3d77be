"""Unique for ever: which rows of a batch carry an event_id that an earlier row or the table has already.

Ids are compared by a 64-bit hash first, which the table keeps as a column: equal ids have equal hashes, so of the
table's whole life only eight bytes a row are read. Where hashes meet, which without duplicates is nowhere, the ids
themselves decide. Nothing is compared by time: an id may come again months later.
"""

import functools

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

COORDINATES = ("topic", "topic_id", "partition", "offset")
"""Where a message stood in Kafka. `topic_id` is null where a release before landed it, which noted no ids."""


def event_hash(event_id: Column) -> Column:
    """What the ids are compared by first, as the table keeps it."""
    return F.xxhash64(event_id).alias("event_hash")


def by_coordinates(rows: DataFrame, others: DataFrame, how: str) -> DataFrame:
    """A join of rows that stood in the same place; null is equal to null. `others` keeps none of its coordinates."""
    renamed = others.withColumnsRenamed({name: f"_other_{name}" for name in COORDINATES})
    is_same = [F.col(name).eqNullSafe(F.col(f"_other_{name}")) for name in COORDINATES]
    return rows.join(renamed, on=is_same, how=how).drop(*[f"_other_{name}" for name in COORDINATES])


def as_suspects(hashes: DataFrame, kept: DataFrame) -> DataFrame:
    """Each event_hash that two rows of `hashes` have, or one of them and one of `kept`. Mostly there is none."""
    hashes = hashes.select("event_hash")
    known = kept.select("event_hash").join(F.broadcast(hashes), on="event_hash", how="left_semi")
    return hashes.union(known).groupBy("event_hash").agg(F.count("*").alias("rows")).where("rows > 1").drop("rows")


def as_taken(ids: DataFrame, kept: DataFrame, suspects: DataFrame) -> DataFrame:
    """The coordinates of the rows of `ids` whose event_id is taken, with `outcome`: why they must not be written.

    `landed`: `kept` has this very row, by its coordinates, from a run that was killed or whose checkpoint was lost.
    `duplicate`: an earlier row of `ids`, or another row of `kept`, has the id. `ids`: event_id, event_hash,
    received_at and the coordinates in Kafka of the batch's valid rows. `kept`: event_id, event_hash and the
    coordinates of all rows of the table. `suspects`: of both, by `as_suspects`.
    """
    meant = F.broadcast(suspects)
    ids, kept = (rows.join(meant, on="event_hash", how="left_semi") for rows in (ids, kept))
    taken = _in_batch(ids).union(_in_table(ids, kept)).groupBy(*COORDINATES)
    return taken.agg(F.max("outcome").alias("outcome"))  # landed, where a row is both


def _in_batch(ids: DataFrame) -> DataFrame:
    earlier = Window.partitionBy("event_id").orderBy("received_at", *COORDINATES)
    places = ids.withColumn("place", F.row_number().over(earlier))
    return places.where("place > 1").select(*COORDINATES, F.lit("duplicate").alias("outcome"))


def _in_table(ids: DataFrame, kept: DataFrame) -> DataFrame:
    candidates = kept.withColumnsRenamed({name: f"kept_{name}" for name in COORDINATES})
    is_itself = functools.reduce(
        Column.__and__, [F.col(name).eqNullSafe(F.col(f"kept_{name}")) for name in COORDINATES]
    )
    outcome = F.when(is_itself, "landed").otherwise("duplicate")
    matched = ids.join(F.broadcast(candidates), on=["event_hash", "event_id"], how="inner")
    return matched.select(*COORDINATES, outcome.alias("outcome"))

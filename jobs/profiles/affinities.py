"""Which categories and brands a person likes: what their interactions weigh, one row per person."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.profiles.exact import exact, exact_sum

KINDS = {"category": "categories", "brand": "brands"}


def as_affinities(interactions: DataFrame, items: DataFrame, most: int) -> DataFrame:
    """`interactions`: person_id, item_id and `weight`, above 0. Shares by widest category and by brand, of what weighs
    for one that is known; the `most` largest of each, by name where they are equal."""
    known = items.select("item_id", F.get("categories", F.lit(0)).alias("category"), "brand")
    parts = F.array(*[F.struct(F.lit(kind).alias("kind"), F.col(kind).alias("value")) for kind in KINDS])
    weights = (
        interactions.join(known, on="item_id", how="left")
        .withColumn("part", F.explode(parts))
        .where("part.value IS NOT NULL")
        .groupBy("person_id", "part.kind", "part.value")
        .agg(exact_sum(exact(F.col("weight"))).alias("weight"))
    )
    entry = F.struct((-F.col("weight")).alias("less"), "value")
    of_person = weights.groupBy("person_id").agg(
        *[F.array_sort(F.collect_list(F.when(F.col("kind") == kind, entry))).alias(kind) for kind in KINDS]
    )
    return of_person.select(
        "person_id",
        *[_shares(kind, most).alias(name) for kind, name in KINDS.items()],
        *[F.get(kind, F.lit(0))["value"].alias(f"favourite_{kind}") for kind in KINDS],
    )


def _shares(kind: str, most: int) -> Column:
    """Of an array of (less, value), the largest first, as a map in the order of its keys."""
    whole = F.aggregate(kind, F.lit(0.0), lambda sum_, entry: sum_ - entry["less"])
    share = F.transform(F.slice(kind, 1, most), lambda one: F.struct(one["value"], -one["less"] / whole))
    return F.map_from_entries(F.array_sort(share))

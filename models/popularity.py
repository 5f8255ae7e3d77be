"""Popularity: what the shop sells most, the same for everybody. The fallback, and the least a model must
beat.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from models.ranking import RECOMMENDED, at_least_one
from models.recommender import Recommender, why


@dataclass(frozen=True)
class PopularityModel:
    """`items`: one row per item ever sold: item_id, lines (long), place (int, 1 = most lines sold)."""

    items: DataFrame


def fit(ratings: DataFrame, params: None = None) -> PopularityModel:
    """Count lines sold per item from rows (person_id, item_id, purchases), one per person and item.

    Items that nobody bought (only viewed, say) have no place. The frame is computed and cut off from
    `ratings`: every list needs it.
    """
    sold = ratings.groupBy("item_id").agg(F.sum("purchases").alias("lines")).where(F.col("lines") > 0)
    return PopularityModel(sold.transform(with_place).localCheckpoint(eager=True))


def with_place(items: DataFrame) -> DataFrame:
    """Place of each item by lines sold, ties by product id; recounts when `place` is already there."""
    order = Window.orderBy(F.col("lines").desc(), *by_product_id(F.col("item_id")))
    return items.withColumn("place", F.row_number().over(order))


def by_product_id(item_id: Column) -> tuple[Column, Column]:
    """Sort keys that put "9" before "10": ids are strings, yet shops number their products."""
    return F.length(item_id), item_id


def top_n(
    model: PopularityModel,
    people: DataFrame,
    n: int,
    seen: DataFrame | None = None,
    items: DataFrame | None = None,
) -> DataFrame:
    """Rows (person_id, rank, item_id, score): the n best-selling items for each row of `people`.

    With `seen` (person_id, item_id) only items new to the person, still n of them while the catalogue lasts;
    with `items` (item_id) only those. `score` is the number of lines sold.
    """
    at_least_one(n)
    places = places_among(model, items)
    with_places = people.select("person_id")
    if seen is None:
        with_places = with_places.withColumn("places", F.sequence(F.lit(1), F.lit(n)))
    else:
        taken = taken_places(places, with_places, seen)
        with_places = with_places.join(taken, on="person_id", how="left").withColumn("places", free_places("taken", n))
    return (
        with_places.select("person_id", F.posexplode("places").alias("before", "place"))
        .join(places, on="place", how="inner")
        .withColumn("rank", F.col("before") + 1)
        .withColumn("score", F.col("lines").cast("double"))
        .select(*RECOMMENDED)
    )


def reason() -> Column:
    """Many bought it."""
    return why("popular")


def places_among(model: PopularityModel, items: DataFrame | None) -> DataFrame:
    """`model.items`, or only those of `items` with the places they then have."""
    if items is None:
        return model.items
    return model.items.join(items.select("item_id"), on="item_id", how="left_semi").transform(with_place)


def taken_places(places: DataFrame, people: DataFrame, seen: DataFrame) -> DataFrame:
    """One row per person with a seen item: `taken`, the places of those items, in no order."""
    return (
        seen.select("person_id", "item_id")
        .join(people.select("person_id"), on="person_id", how="left_semi")
        .join(places.select("item_id", "place"), on="item_id", how="inner")
        .groupBy("person_id")
        .agg(F.collect_set("place").alias("taken"))
    )


def free_places(taken: str, n: int) -> Column:
    """array<int>: the first n places not among `taken` (a column: distinct, in any order; null is none).

    The r-th free place is r + the taken places with fewer than r free ones before them. So nobody's history
    is multiplied by the catalogue: the obvious anti-join needs n + the longest history (5,000 items here)
    rows for every person.
    """
    return F.expr(
        f"""transform(
            array(filter(
                transform(array_sort(coalesce({taken}, array())), (place, before) -> place - before - 1),
                free -> free < {n}
            )),
            frees -> transform(sequence(1, {n}), r -> r + size(filter(frees, free -> free < r)))
        )[0]"""
    )


RECOMMENDER = Recommender("popularity", fit, top_n, reason)

"""Frequency: what this person buys most often. Hard to beat for a weekly shop; says nothing of new items."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from models import popularity
from models.popularity import PopularityModel
from models.ranking import RECOMMENDED, at_least_one
from models.recommender import Recommender, why


@dataclass(frozen=True)
class FrequencyModel:
    """`bought`: one row per person and item bought: person_id, item_id, purchases (baskets with the item)."""

    bought: DataFrame
    popularity: PopularityModel


def fit(ratings: DataFrame, params: None = None) -> FrequencyModel:
    """Keep the baskets with each item from rows (person_id, item_id, purchases), one per person and item."""
    bought = ratings.where(F.col("purchases") > 0).select("person_id", "item_id", "purchases")
    return FrequencyModel(bought, popularity.fit(ratings))


def top_n(
    model: FrequencyModel,
    people: DataFrame,
    n: int,
    seen: DataFrame | None = None,
    items: DataFrame | None = None,
) -> DataFrame:
    """Rows (person_id, rank, item_id, score): the person's own items first, then popular ones to fill n rows.

    Own items by baskets, ties by popularity. `score` is the number of baskets with the item, 0 for one that
    fills. With `seen` (person_id, item_id) only items new to the person; with `items` (item_id) only those.
    """
    at_least_one(n)
    places = popularity.places_among(model.popularity, items)
    with_places = people.select("person_id")
    rows = with_places.join(_own(model, with_places, places, n, seen), on="person_id", how="left")
    own_places = F.coalesce(F.expr("transform(own, item -> item.place)"), F.array().cast("array<int>"))
    if seen is None:
        rows = rows.withColumn("taken", own_places)
    else:
        taken = popularity.taken_places(places, with_places, seen)
        rows = rows.join(taken, on="person_id", how="left").withColumn(
            "taken", F.array_union(own_places, F.coalesce("taken", F.array().cast("array<int>")))
        )
    fill = F.expr("transform(fill, place -> struct(-0.0D AS less, place))")
    return (
        rows.withColumn("fill", popularity.free_places("taken", n))
        .withColumn("list", F.slice(F.concat(F.coalesce("own", F.array()), fill), 1, n))
        .select("person_id", F.posexplode("list").alias("before", "item"))
        .select("person_id", "before", F.col("item.place").alias("place"), F.col("item.less").alias("less"))
        .join(places, on="place", how="inner")
        .withColumn("rank", F.col("before") + 1)
        .withColumn("score", F.abs("less"))
        .select(*RECOMMENDED)
    )


def reason() -> Column:
    """The person bought it in so many baskets, or it is a popular one that fills the list."""
    bought_before = why("bought_before", times=F.col("score").cast("int"))
    return F.when(F.col("score") > 0, bought_before).otherwise(why("popular"))


def _own(model: FrequencyModel, people: DataFrame, places: DataFrame, n: int, seen: DataFrame | None) -> DataFrame:
    """One row per person: `own`, up to n structs of less (minus the baskets) and place, best first."""
    own = model.bought.join(people, on="person_id", how="left_semi")
    if seen is not None:
        own = own.join(seen.select("person_id", "item_id"), on=["person_id", "item_id"], how="left_anti")
    entry = F.struct((-F.col("purchases")).cast("double").alias("less"), "place")
    return (
        own.join(places.select("item_id", "place"), on="item_id", how="inner")
        .groupBy("person_id")
        .agg(F.slice(F.array_sort(F.collect_list(entry)), 1, n).alias("own"))
    )


RECOMMENDER = Recommender("frequency", fit, top_n, reason)

"""gold.ratings: one row per person who allows personalisation and item: how much the person's events speak for it.

weight = sum over the pair's events of w(event) * 0.5 ^ (age / half-life). Free of quantity: buying six of one thing
at once is one purchase; a quantity of 0 is a correction and none, and what was given back is not bought. A rating
weighs by its stars: five as the setting says, less for fewer, nothing below three. Generated events count as the rest
do; evaluation leaves them out itself.
"""

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from jobs.settings.ratings_settings import RatingsSettings

TABLE = "gold.ratings"
SECONDS_A_DAY = 86_400
LEAST_STARS, MOST_STARS = 3, 5
PER_LINE = ("quantity", "amount", "discount")


def as_ratings(interactions: DataFrame, weights: RatingsSettings, as_of: datetime) -> DataFrame:
    """Rows of silver.interactions before `as_of` as one row per person and item."""
    seconds = F.lit(as_of).cast("timestamp").cast("double") - F.col("occurred_at").cast("double")
    decay = F.pow(F.lit(0.5), seconds / (SECONDS_A_DAY * weights.half_life_days))
    return (
        interactions.where(F.col("occurred_at") < F.lit(as_of))
        .transform(without_returns)
        .withColumn("weight", event_weight(weights) * decay)
        .where("weight > 0")
        .groupBy("person_id", "item_id")
        .agg(
            F.sum("weight").alias("weight"),
            F.count_if(is_purchase()).alias("purchases"),
            F.max("occurred_at").alias("last_at"),
        )
    )


def event_weight(weights: RatingsSettings) -> Column:
    """What one interaction weighs today; null for one that says nothing."""
    by_type = {name: getattr(weights, name) for name in ("add_to_cart", "add_to_wishlist", "product_view")}
    weight_of_type = F.when(is_purchase(), weights.purchase)
    for event_type, weight in by_type.items():
        weight_of_type = weight_of_type.when(F.col("event_type") == event_type, weight)
    likes = (F.col("stars") - LEAST_STARS + 1) / (MOST_STARS - LEAST_STARS + 1)
    is_liking = (F.col("event_type") == "rating") & (F.col("stars") >= LEAST_STARS)
    return weight_of_type.when(is_liking, weights.rating * likes)


def without_returns(interactions: DataFrame) -> DataFrame:
    """Purchases less what the person gave back of their order, and all other events but returns.

    Of a line given back in part quantity, amount and discount are what is left; of one given back whole they are 0,
    which is no purchase.
    """
    returns = interactions.where("event_type = 'return'")
    if returns.isEmpty():  # else most shops would sort all they sold, for nothing
        return interactions
    returned = returns.groupBy("person_id", "order_id", "item_id").agg(F.sum("quantity").alias("_returned"))
    kept = F.greatest(F.col("quantity") - F.coalesce("_returned", F.lit(0.0)), F.lit(0.0))
    share = F.coalesce(F.try_divide(kept, F.col("quantity")), F.lit(1.0))
    is_purchased = F.col("event_type") == "purchase"
    less = {name: F.when(is_purchased, F.col(name) * share).otherwise(F.col(name)) for name in PER_LINE}
    rows = interactions.where("event_type <> 'return'").join(
        returned, on=["person_id", "order_id", "item_id"], how="left"
    )
    return rows.withColumns(less).drop("_returned")


def is_purchase() -> Column:
    """Whether an interaction bought something."""
    return (F.col("event_type") == "purchase") & (F.col("quantity") > 0)


def main(lake: Lake, options: Options) -> None:
    interactions = personal(lake, "silver.interactions", "personalisation", options.as_of)
    tables.overwrite(lake, TABLE, as_ratings(interactions, lake.settings.ratings, options.as_of))


JOB = Job(TABLE, main, reads=("silver.interactions", "silver.consents", "silver.identities"))

if __name__ == "__main__":
    submit(JOB)

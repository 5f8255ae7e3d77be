"""gold.ratings: one row per person who allows personalisation and item: how much the person's events speak for it.

weight = sum over the pair's events of w(event type) * 0.5 ^ (age / half-life). Free of quantity: buying six of
one thing at once is one purchase. Generated events count as the rest do; evaluation leaves them out itself.
"""

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import job
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.people.consent import consented
from jobs.settings.loading import Settings
from jobs.settings.ratings_settings import RatingsSettings

TABLE = "gold.ratings"
SECONDS_A_DAY = 86_400


def as_ratings(interactions: DataFrame, weights: RatingsSettings, as_of: datetime) -> DataFrame:
    """Rows of silver.interactions before `as_of` as one row per person and item."""
    by_type = F.create_map(
        *[
            F.lit(part)
            for event_type in ("purchase", "add_to_cart", "add_to_wishlist", "rating", "product_view")
            for part in (event_type, getattr(weights, event_type))
        ]
    )
    seconds = F.lit(as_of).cast("timestamp").cast("double") - F.col("occurred_at").cast("double")
    decay = F.pow(F.lit(0.5), seconds / (SECONDS_A_DAY * weights.half_life_days))
    return (
        interactions.where(F.col("occurred_at") < F.lit(as_of))
        .withColumn("weight", by_type[F.col("event_type")] * decay)
        .where("weight > 0")
        .groupBy("person_id", "item_id")
        .agg(
            F.sum("weight").alias("weight"),
            F.count_if(F.col("event_type") == "purchase").alias("purchases"),
            F.max("occurred_at").alias("last_at"),
        )
    )


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for(TABLE, settings)
    interactions = consented(tables.read(spark, "silver.interactions"), "personalisation", options.as_of)
    tables.overwrite(as_ratings(interactions, settings.ratings, options.as_of), TABLE)


if __name__ == "__main__":
    job.submit(main)

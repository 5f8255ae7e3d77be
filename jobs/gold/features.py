"""gold.features: one row per person with a purchase, if they allow personalisation: how they shop. All 0 or more."""

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import job
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.people.consent import consented
from jobs.settings.loading import Settings

TABLE = "gold.features"
SECONDS_A_DAY = 86_400.0


def as_features(interactions: DataFrame, items: DataFrame, as_of: datetime) -> DataFrame:
    """Purchases before `as_of` as one row per person."""
    bought = interactions.where((F.col("event_type") == "purchase") & (F.col("occurred_at") < F.lit(as_of)))
    bought = bought.join(items.select("item_id", "department"), "item_id", "left").fillna("UNKNOWN", ["department"])
    by_department = bought.groupBy("person_id", "department").agg(
        F.sum("amount").alias("spend"),
        F.sum(F.coalesce("discount", F.lit(0.0))).alias("discount"),
        F.count("*").alias("lines"),
        F.collect_set("event_id").alias("baskets"),
        F.count_distinct("item_id").alias("items"),
        F.max("occurred_at").alias("last_at"),
    )
    spend = F.sum("spend")
    seconds = F.lit(as_of).cast("timestamp").cast("double") - F.col("last_at").cast("double")
    return (
        by_department.groupBy("person_id")
        .agg(
            F.max("last_at").alias("last_at"),
            F.size(F.array_distinct(F.flatten(F.collect_list("baskets")))).cast("double").alias("baskets"),
            F.sum("lines").alias("lines"),
            spend.alias("spend"),
            F.sum("items").alias("items"),
            F.coalesce(F.try_divide(F.sum("discount"), spend + F.sum("discount")), F.lit(0.0)).alias("discount_share"),
            F.map_from_arrays(F.collect_list("department"), F.collect_list("spend")).alias("spends"),
        )
        .withColumn("recency_days", seconds / SECONDS_A_DAY)
        .withColumn("mean_basket", F.col("spend") / F.col("baskets"))
        .withColumn(
            "departments",
            F.transform_values("spends", lambda _, value: F.coalesce(F.try_divide(value, F.col("spend")), F.lit(0.0))),
        )
    )


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for(TABLE, settings)
    interactions = consented(tables.read(spark, "silver.interactions"), "personalisation", options.as_of)
    tables.overwrite(as_features(interactions, tables.read(spark, "silver.items"), options.as_of), TABLE)


if __name__ == "__main__":
    job.submit(main)

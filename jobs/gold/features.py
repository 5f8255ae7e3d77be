"""gold.features: one row per person with a purchase, if they allow personalisation: how they shop. All 0 or more."""

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.gold.ratings import is_purchase
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal

TABLE = "gold.features"
SECONDS_A_DAY = 86_400.0
DEPARTMENTS = 8
NUMBERS = ("recency_days", "baskets", "lines", "spend", "mean_basket", "items", "discount_share")


def as_features(interactions: DataFrame, items: DataFrame, as_of: datetime) -> DataFrame:
    """Purchases before `as_of` as one row per person."""
    bought = interactions.where(is_purchase() & (F.col("occurred_at") < F.lit(as_of)))
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


def as_numbers(features: DataFrame, departments: list[str]) -> DataFrame:
    """Rows of gold.features as person_id and numeric columns, a `dept_x` for the share of each department."""
    shares = [
        F.coalesce(F.col("departments")[name], F.lit(0.0)).alias("dept_" + name.lower().replace(" ", "_"))
        for name in departments
    ]
    return features.select("person_id", *NUMBERS, *shares)


def largest_departments(features: DataFrame) -> list[str]:
    """The departments with the largest mean share of spend, largest first, ties by name."""
    shares = features.select(F.explode("departments").alias("department", "share")).groupBy("department")
    rows = shares.agg(F.sum("share").alias("share")).orderBy(F.desc("share"), "department").limit(DEPARTMENTS)
    return [row["department"] for row in rows.collect()]


def main(lake: Lake, options: Options) -> None:
    interactions = personal(lake, "silver.interactions", "personalisation", options.as_of)
    tables.overwrite(lake, TABLE, as_features(interactions, tables.read(lake, "silver.items"), options.as_of))


JOB = Job(TABLE, main, reads=("silver.interactions", "silver.consents", "silver.items"))

if __name__ == "__main__":
    submit(JOB)

"""silver.interactions: one row per event and item that a person saw, wanted or bought.

Searches, page views and what names no item are not here. An order that names one item twice gives one row with
the quantities and amounts added.
"""

import logging

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs import job
from jobs.lake import streams, tables
from jobs.lake.session import spark_for
from jobs.settings.loading import Settings

log = logging.getLogger(__name__)

TABLE = "silver.interactions"
OF_ONE_ITEM = ("product_view", "add_to_cart", "remove_from_cart", "add_to_wishlist", "rating")


def as_interactions(events: DataFrame) -> DataFrame:
    """Rows of silver.events as one row per event and item."""
    payload = F.col("payload")
    one = F.array(
        F.struct(
            payload["item_id"].alias("item_id"),
            payload["quantity"].cast("double").alias("quantity"),
            payload["price"].alias("amount"),
            F.lit(None).cast("double").alias("discount"),
        )
    )
    lines = F.when(F.col("event_type") == "purchase", _one_per_item(payload["lines"])).otherwise(one)
    return (
        events.where(F.col("event_type").isin("purchase", *OF_ONE_ITEM))
        .withColumn("line", F.explode(lines))
        .select(
            "event_id",
            "event_type",
            F.coalesce("user_id", "anonymous_id").alias("person_id"),
            "line.*",
            "occurred_at",
            "event_date",
            payload["order_id"].alias("order_id"),
            payload["store_id"].alias("store_id"),
            F.col("context.source").alias("source"),
        )
    )


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for(TABLE, settings)
    while True:
        version = tables.version(spark, "silver.events")
        rows = tables.conformed(as_interactions(tables.stream(spark, "silver.events")), TABLE)
        tables.create(spark, TABLE)
        try:
            return streams.run(tables.append_stream(rows, TABLE), spark, TABLE, settings, options.continuous)
        except streams.SourceGrew:
            if tables.version(spark, "silver.events") == version:
                raise
            log.info("%s: silver.events has new fields; reading on with them", TABLE)


def _one_per_item(lines: Column) -> Column:
    items = F.transform(lines, lambda line: line["item_id"])
    distinct = F.array_distinct(items)

    def total(item: Column, field: str) -> Column:
        of_item = F.filter(lines, lambda line: line["item_id"] == item)
        return F.aggregate(of_item, F.lit(0.0), lambda sum_, line: sum_ + F.coalesce(line[field], F.lit(0.0)))

    numbers = ("quantity", "amount", "discount")
    added = F.transform(
        distinct, lambda item: F.struct(item.alias("item_id"), *[total(item, n).alias(n) for n in numbers])
    )
    as_is = F.transform(
        lines, lambda line: F.struct(line["item_id"].alias("item_id"), *[line[n].alias(n) for n in numbers])
    )
    return F.when(F.size(distinct) == F.size(lines), as_is).otherwise(added)


if __name__ == "__main__":
    job.submit(main)

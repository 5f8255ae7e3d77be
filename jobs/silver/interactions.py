"""silver.interactions: one row per event and item that a person saw, wanted, bought or gave back.

Searches, page views and what names no item are not here. An order that names one item twice gives one row with
the quantities and amounts added. Whose row it is, is not said here: the ids that the event came with are kept.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamWriter

from jobs.job import Job, Options, submit
from jobs.lake import derived, tables
from jobs.lake.lake import Lake

TABLE = "silver.interactions"
SOURCE = "silver.events"
OF_AN_ORDER = ("purchase", "return")
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
    lines = F.when(F.col("event_type").isin(*OF_AN_ORDER), _one_per_item(payload["lines"])).otherwise(one)
    return (
        events.where(F.col("event_type").isin(*OF_AN_ORDER, *OF_ONE_ITEM))
        .withColumn("line", F.explode(lines))
        .select(
            "event_id",
            "event_type",
            "user_id",
            "anonymous_id",
            "device_id",
            "line.*",
            payload["stars"].alias("stars"),
            "occurred_at",
            "event_date",
            payload["currency"].alias("currency"),
            payload["order_id"].alias("order_id"),
            payload["store_id"].alias("store_id"),
            F.col("context.source").alias("source"),
        )
    )


def main(lake: Lake, options: Options) -> int:
    def writer(events: DataFrame) -> DataStreamWriter:
        return tables.append_stream(lake, TABLE, as_interactions(events))

    return derived.run(lake, TABLE, SOURCE, options.every_behind(lake.settings.streaming.trigger_seconds), writer)


def rebuild(lake: Lake) -> None:
    derived.rebuild(lake, TABLE, SOURCE, as_interactions)


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


JOB = Job(TABLE, main, reads=(SOURCE,), stays=True, rebuild=rebuild)

if __name__ == "__main__":
    submit(JOB)

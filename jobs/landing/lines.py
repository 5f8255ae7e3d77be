"""What an event says of items: one line for each item that the person saw, wanted, bought or gave back in it."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

OF_AN_ORDER = ("purchase", "return")
OF_ONE_ITEM = ("product_view", "add_to_cart", "remove_from_cart", "add_to_wishlist", "rating")
FIELDS = ("item_id", "quantity", "price", "lines", "stars", "currency", "order_id")
"""What is read of the payload."""
OF_THE_EVENT = ("payload.stars", "occurred_at", "payload.currency", "payload.order_id")


def with_line(events: DataFrame) -> DataFrame:
    """Each event that is about items once per item, with `line`: item_id, quantity, amount and discount. An order that
    names one item twice has one line of it, with the quantities and amounts added."""
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
    is_about_items = F.col("event_type").isin(*OF_AN_ORDER, *OF_ONE_ITEM)
    return events.where(is_about_items).withColumn("line", F.explode(lines))


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

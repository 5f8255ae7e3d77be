"""gold.features: one row per person with a purchase, if they allow personalisation: how they shop. All 0 or more.

Amounts are in the own currency of the settings; what was paid in one without a rate counts as a purchase for nothing.
"""

import logging
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.gold.ratings import is_purchase, without_returns
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from jobs.profiles.exact import exact, exact_sum
from jobs.settings.currency_settings import CurrencySettings

TABLE = "gold.features"
SECONDS_A_DAY = 86_400.0
NUMBERS = ("recency_days", "baskets", "lines", "spend", "mean_basket", "items", "mean_price", "discount_share")
SHARES = {"category": "categories", "brand": "brands"}
"""What spend is divided by, and the map that says how."""

UNKNOWN = "UNKNOWN"

log = logging.getLogger(__name__)


def as_features(interactions: DataFrame, items: DataFrame, as_of: datetime, currency: CurrencySettings) -> DataFrame:
    """Purchases before `as_of`, less what was given back, as one row per person."""
    known = interactions.where(F.col("occurred_at") < F.lit(as_of)).transform(without_returns)
    spend, discount = (F.coalesce(F.col(name) * rate(currency), F.lit(0.0)) for name in ("amount", "discount"))
    bought = known.where(is_purchase()).withColumns({"amount": exact(spend), "discount": exact(discount)})
    seconds = F.lit(as_of).cast("timestamp").cast("double") - F.col("last_at").cast("double")
    return (
        _by_category_and_by_brand(bought, items)
        .groupBy("person_id")
        .agg(
            F.max("last_at").alias("last_at"),
            F.size(F.array_distinct(F.flatten(F.collect_list("baskets")))).cast("double").alias("baskets"),
            *[F.sum(name).alias(name) for name in ("lines", "items")],
            *[exact_sum(F.col(name)).alias(name) for name in ("prices", "discount")],
            exact_sum(_of("category", F.col("spend"))).alias("spend"),
            *[
                F.map_from_entries(F.collect_list(_of(kind, F.struct("value", F.col("spend").cast("double"))))).alias(
                    kind
                )
                for kind in SHARES
            ],
        )
        .withColumn("recency_days", seconds / SECONDS_A_DAY)
        .withColumn("mean_basket", F.col("spend") / F.col("baskets"))
        .withColumn("mean_price", F.col("prices") / F.col("lines"))
        .withColumn("discount_share", _share(F.col("discount"), F.col("spend") + F.col("discount")))
        .withColumns({name: F.transform_values(kind, _share_of_spend) for kind, name in SHARES.items()})
    )


def rate(currency: CurrencySettings) -> Column:
    """What one of the row's currency is worth in the own one; null where the settings do not say."""
    own = F.coalesce("currency", F.lit(currency.own)) == currency.own
    rates = F.when(own, 1.0)
    for name, worth in currency.rates.items():
        rates = rates.when(F.col("currency") == name, worth)
    return rates


def as_numbers(features: DataFrame, categories: list[str], brands: list[str]) -> DataFrame:
    """Rows of gold.features as person_id and numeric columns: a `category:x` and a `brand:x` for the share of each."""
    shares = [
        F.coalesce(F.try_element_at(SHARES[kind], F.lit(value)), F.lit(0.0)).alias(f"{kind}:{value.replace('`', '')}")
        for kind, values in (("category", categories), ("brand", brands))
        for value in values
    ]
    return features.select("person_id", *NUMBERS, *shares)


def largest(features: DataFrame, kind: str, n: int) -> list[str]:
    """The n categories, or brands, with the largest mean share of spend, largest first, ties by name.

    Of those that differ in case only the first is one.
    """
    shares = features.select(F.explode(SHARES[kind]).alias("value", "share")).groupBy("value")
    rows = shares.agg(F.sum("share").alias("share")).orderBy(F.desc("share"), "value").limit(2 * n).collect()
    by_letters: dict[str, str] = {}
    for row in rows:
        by_letters.setdefault(row["value"].casefold(), row["value"])
    return list(by_letters.values())[:n]


def _by_category_and_by_brand(bought: DataFrame, items: DataFrame) -> DataFrame:
    """One row per person and category, with all that is added up, and one per person and brand, with the spend."""
    kinds = items.select("item_id", F.get("categories", F.lit(0)).alias("category"), "brand")
    values = [F.struct(F.lit(kind).alias("kind"), F.coalesce(kind, F.lit(UNKNOWN)).alias("value")) for kind in SHARES]
    parts = bought.join(kinds, "item_id", "left").withColumn("part", F.explode(F.array(*values)))
    return (
        parts.select("*", "part.*")
        .groupBy("person_id", "kind", "value")
        .agg(
            F.sum("amount").alias("spend"),
            F.sum(_of("category", F.col("discount"))).alias("discount"),
            F.sum(_of("category", exact(F.col("amount") / F.col("quantity")))).alias("prices"),
            F.count_if(F.col("kind") == "category").alias("lines"),
            F.collect_set(_of("category", F.col("event_id"))).alias("baskets"),
            F.count_distinct(_of("category", F.col("item_id"))).alias("items"),
            F.max("occurred_at").alias("last_at"),
        )
    )


def _of(kind: str, value: Column) -> Column:
    return F.when(F.col("kind") == kind, value)


def _share(part: Column, whole: Column) -> Column:
    return F.coalesce(F.try_divide(part, whole), F.lit(0.0))


def _share_of_spend(_: Column, spend: Column) -> Column:
    return _share(spend, F.col("spend"))


def main(lake: Lake, options: Options) -> None:
    interactions = personal(lake, "silver.interactions", "personalisation", options.as_of)
    _warn_of_rates(interactions, lake.settings.currency)
    features = as_features(interactions, tables.read(lake, "silver.items"), options.as_of, lake.settings.currency)
    tables.overwrite(lake, TABLE, features)


def _warn_of_rates(interactions: DataFrame, currency: CurrencySettings) -> None:
    known = [currency.own, *currency.rates]
    rows = interactions.where(is_purchase() & ~F.col("currency").isin(known)).groupBy("currency").count().collect()
    for row in sorted(rows):
        log.warning(
            "%s: %s lines in %s count as bought for nothing; say what one is worth in %s: currency.rates = {%s = ...}",
            *(TABLE, f"{row['count']:,}", row["currency"], currency.own, row["currency"]),
        )


JOB = Job(TABLE, main, reads=("silver.interactions", "silver.consents", "silver.identities", "silver.items"))

if __name__ == "__main__":
    submit(JOB)

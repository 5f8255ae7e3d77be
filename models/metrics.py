"""Ranking metrics at k, per person and then averaged; the whole list is judged, nothing is sampled.

Järvelin and Kekäläinen 2002 for the discounted gain, with one gain for every hit. MLlib's RankingMetrics is
not used: it counts people without a truth as 0 and gives a recall above 1 for doubled recommendations.
"""

import math

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from models.errors import ModelError


class MetricsError(ModelError):
    """The frames cannot be judged; the message says what was seen."""


def evaluate(recommended: DataFrame, truth: DataFrame, catalogue_size: int, k: int = 10) -> dict[str, float]:
    """Mean over the people of `truth` (person_id, item_id) of how well `recommended` (person_id, rank,
    item_id) did.

    `recall@k`: hits among the first k, divided by min(k, items in the truth). `ndcg@k`: hits discounted by
    log2(rank + 1), divided by the best possible. `map@k`: precision at each hit, divided as recall is.
    `hit@k`: share of people with a hit. `coverage`: share of `catalogue_size` items shown to at least one
    of them in the first k. `people`: how many were judged. Someone without a recommendation counts 0;
    someone recommended to without a truth is left out. Raises MetricsError on an empty truth, on a doubled
    (person, item) on either side, and when ranks are not 1, 2, 3 ... per person.
    """
    if k < 1 or catalogue_size < 1:
        raise MetricsError(f"k is {k} and the catalogue has {catalogue_size} items: both must be at least 1")
    sizes = _truth_sizes(truth).persist()
    judged = recommended.join(sizes.select("person_id"), on="person_id", how="left_semi").persist()
    try:
        _check_sizes(sizes)
        _check_ranks(judged)
        shown = judged.where(F.col("rank") <= k).select("person_id", "rank", "item_id")
        means = _means(_gains(shown, truth), sizes, k)
        covered = shown.agg(F.count_distinct("item_id")).first()
        return {**means, "coverage": (covered[0] if covered else 0) / catalogue_size}
    finally:
        judged.unpersist()
        sizes.unpersist()


def _truth_sizes(truth: DataFrame) -> DataFrame:
    return truth.groupBy("person_id").agg(
        F.count("*").alias("lines"), F.count_distinct("item_id").cast("int").alias("items")
    )


def _check_sizes(sizes: DataFrame) -> None:
    people, doubled = sizes.agg(F.count("*"), F.count_if(F.col("lines") != F.col("items"))).first() or (0, 0)
    if people == 0:
        raise MetricsError("the truth is empty: there is nobody to judge by")
    if doubled:
        raise MetricsError(f"the truth of {doubled} people holds an item twice or a null item")


def _check_ranks(judged: DataFrame) -> None:
    lists = judged.groupBy("person_id").agg(
        F.count("*").alias("rows"),
        F.count_distinct("item_id").alias("items"),
        F.count_distinct("rank").alias("ranks"),
        F.min("rank").alias("first"),
        F.max("rank").alias("last"),
    )
    doubled = F.col("items") != F.col("rows")
    gapped = (F.col("ranks") != F.col("rows")) | (F.col("first") != 1) | (F.col("last") != F.col("rows"))
    items, ranks = lists.agg(F.count_if(doubled), F.count_if(gapped)).first() or (0, 0)
    if items:
        raise MetricsError(f"{items} people are recommended an item twice or a null item")
    if ranks:
        raise MetricsError(f"the ranks of {ranks} people are not 1, 2, 3 ...")


def _gains(shown: DataFrame, truth: DataFrame) -> DataFrame:
    """One row per person with a hit: hits, dcg, precision (the sum of precision at each hit)."""
    so_far = Window.partitionBy("person_id").orderBy("rank").rowsBetween(Window.unboundedPreceding, 0)
    return (
        shown.join(truth.select("person_id", "item_id"), on=["person_id", "item_id"], how="left_semi")
        .withColumn("precision", F.count("*").over(so_far) / F.col("rank"))
        .groupBy("person_id")
        .agg(
            F.count("*").alias("hits"),
            F.sum(1 / F.log2(F.col("rank") + 1)).alias("dcg"),
            F.sum("precision").alias("precision"),
        )
    )


def _means(gains: DataFrame, sizes: DataFrame, k: int) -> dict[str, float]:
    best = [sum(1 / math.log2(rank + 1) for rank in range(1, size + 1)) for size in range(1, k + 1)]
    reachable = F.least(F.col("items"), F.lit(k))
    row = (
        sizes.join(gains, on="person_id", how="left")
        .fillna(0, subset=["hits", "dcg", "precision"])
        .agg(
            F.avg(F.col("hits") / reachable).alias(f"recall@{k}"),
            F.avg(F.col("dcg") / F.element_at(F.array(*map(F.lit, best)), reachable)).alias(f"ndcg@{k}"),
            F.avg(F.col("precision") / reachable).alias(f"map@{k}"),
            F.avg((F.col("hits") > 0).cast("double")).alias(f"hit@{k}"),
            F.count("*").alias("people"),
        )
        .first()
    )
    return dict(row.asDict()) if row else {}

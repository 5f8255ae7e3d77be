"""Ranking metrics at k, per person and then averaged; the whole list is judged, nothing is sampled.

Järvelin and Kekäläinen 2002 for the discounted gain, with one gain for every hit. MLlib's RankingMetrics is
not used: it counts people without a truth as 0 and gives a recall above 1 for doubled recommendations.
"""

import functools
import math
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from models.errors import ModelError

FAULTS = ("doubled_truths", "doubled_lists", "gapped_lists")


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
    return evaluate_all({"": (recommended, truth)}, catalogue_size, k)[""]


def evaluate_all(
    lists: Mapping[str, tuple[DataFrame, DataFrame]], catalogue_size: int, k: int = 10
) -> dict[str, dict[str, float]]:
    """`evaluate` of each (recommended, truth), by name, in one pass over all of them."""
    if k < 1 or catalogue_size < 1:
        raise MetricsError(f"k is {k} and the catalogue has {catalogue_size} items: both must be at least 1")
    recommended = _named({name: ours.select("person_id", "rank", "item_id") for name, (ours, _) in lists.items()})
    truths = _named({name: truth.select("person_id", "item_id") for name, (_, truth) in lists.items()})
    judged = _by_person(recommended, truths, k).persist()
    try:
        figures = {row["of"]: row.asDict() for row in judged.groupBy("of").agg(*_faults(), *_means(k)).collect()}
        items = judged.select("of", F.explode("shown").alias("item_id")).groupBy("of")
        covered: dict[str, int] = dict(items.agg(F.count_distinct("item_id")).collect())
    finally:
        judged.unpersist()
    return {
        name: {**_sound(name, figures.get(name, {})), "coverage": covered.get(name, 0) / catalogue_size}
        for name in lists
    }


def _named(frames: Mapping[str, DataFrame]) -> DataFrame:
    """All rows, with the name of their frame in `of`."""
    return functools.reduce(DataFrame.union, [frame.withColumn("of", F.lit(name)) for name, frame in frames.items()])


def _by_person(recommended: DataFrame, truth: DataFrame, k: int) -> DataFrame:
    """One row per list (`of`) and person of its `truth`: `lines` and `wanted` of it, the whole `list` by rank, the
    `shown` first k of its items and `hits`, the ranks among them of what was wanted.

    Each side is shuffled once. Counting lists, gaps and hits in a grouping each took three times as long.
    """
    truths = truth.groupBy("of", "person_id").agg(F.count("*").alias("lines"), F.collect_set("item_id").alias("wanted"))
    ranked = F.array_sort(F.collect_list(F.struct("rank", "item_id")))
    lists = recommended.groupBy("of", "person_id").agg(ranked.alias("list"))
    hit = F.transform("shown", lambda item, place: F.when(F.array_contains("wanted", item), place + 1))
    return (
        truths.join(lists, on=["of", "person_id"], how="left")
        .withColumn("list", F.coalesce("list", F.array()))
        .withColumn("shown", F.slice(F.col("list")["item_id"], 1, k))
        .withColumn("hits", F.array_compact(hit))
    )


def _faults() -> tuple[Column, Column, Column]:
    """How many people have a doubled or null item in their truth or their list, or a gap in their ranks."""
    items, ranks = F.col("list")["item_id"], F.col("list")["rank"]
    places = F.transform("list", lambda _, place: place + 1)
    is_doubled = F.size(F.array_compact(F.array_distinct(items))) != F.size("list")
    return (
        F.count_if(F.col("lines") != F.size("wanted")).alias("doubled_truths"),
        F.count_if(is_doubled).alias("doubled_lists"),
        F.count_if(~ranks.eqNullSafe(places)).alias("gapped_lists"),
    )


def _means(k: int) -> tuple[Column, ...]:
    best = [sum(1 / math.log2(rank + 1) for rank in range(1, size + 1)) for size in range(1, k + 1)]
    # A truth of nulls alone is empty here, and refused by the faults counted beside it.
    reachable = F.greatest(F.least(F.size("wanted"), F.lit(k)), F.lit(1))
    gain = _sum(F.transform("hits", lambda rank: 1 / F.log2(rank + 1)))
    precision = _sum(F.transform("hits", lambda rank, before: (before + 1) / rank))
    return (
        F.avg(F.size("hits") / reachable).alias(f"recall@{k}"),
        F.avg(gain / F.element_at(F.array(*map(F.lit, best)), reachable)).alias(f"ndcg@{k}"),
        F.avg(precision / reachable).alias(f"map@{k}"),
        F.avg((F.size("hits") > 0).cast("double")).alias(f"hit@{k}"),
        F.count("*").alias("people"),
    )


def _sum(values: Column) -> Column:
    return F.aggregate(values, F.lit(0.0), lambda total, value: total + value)


def _sound(name: str, figures: dict[str, float]) -> dict[str, float]:
    """The figures of one list without its faults. Raises MetricsError on any."""
    of = f"{name}: " if name else ""
    if not figures:
        raise MetricsError(f"{of}the truth is empty: there is nobody to judge by")
    if figures["doubled_truths"]:
        raise MetricsError(f"{of}the truth of {figures['doubled_truths']} people holds an item twice or a null item")
    if figures["doubled_lists"]:
        raise MetricsError(f"{of}{figures['doubled_lists']} people are recommended an item twice or a null item")
    if figures["gapped_lists"]:
        raise MetricsError(f"{of}the ranks of {figures['gapped_lists']} people are not 1, 2, 3 ...")
    return {figure: value for figure, value in figures.items() if figure != "of" and figure not in FAULTS}

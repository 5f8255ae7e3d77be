"""Metrics worked out by hand, then against a plain loop over random lists."""

import math

import numpy as np
import pytest
from pyspark.sql import SparkSession

from models import metrics
from models.metrics import MetricsError
from tests.models.builders import PAIRS, RECOMMENDED, pairs, recommended


def discount(rank: int) -> float:
    return 1 / math.log2(rank + 1)


def judged(spark: SparkSession, got: dict[str, str], truth: dict[str, str], k: int = 3) -> dict[str, float]:
    return metrics.evaluate(recommended(spark, **got), pairs(spark, **truth), catalogue_size=10, k=k)


def test_one_person_by_hand(spark: SparkSession) -> None:
    figures = judged(spark, {"ann": "1 2 3 4"}, {"ann": "1 3 9 8"})
    assert figures == pytest.approx(
        {
            "recall@3": 2 / 3,  # four in the truth, three places: divided by 3
            "ndcg@3": (discount(1) + discount(3)) / (discount(1) + discount(2) + discount(3)),
            "map@3": (1 / 1 + 2 / 3) / 3,
            "hit@3": 1.0,
            "coverage": 0.3,
            "people": 1,
        }
    )


def test_a_short_truth_divides_by_its_length(spark: SparkSession) -> None:
    figures = judged(spark, {"ann": "5 1 2"}, {"ann": "1"})
    assert figures["recall@3"] == 1.0
    assert figures["ndcg@3"] == pytest.approx(discount(2))
    assert figures["map@3"] == pytest.approx(1 / 2)


def test_a_hit_behind_k_counts_nothing(spark: SparkSession) -> None:
    figures = judged(spark, {"ann": "5 6 7 1"}, {"ann": "1"})
    assert (figures["recall@3"], figures["ndcg@3"], figures["map@3"], figures["hit@3"]) == (0, 0, 0, 0)


def test_without_a_recommendation_counts_zero_without_a_truth_counts_not(spark: SparkSession) -> None:
    figures = judged(spark, {"ann": "1", "zoe": "1 2 9"}, {"ann": "1", "bob": "1"})
    assert figures["people"] == 2
    assert figures["recall@3"] == figures["hit@3"] == 0.5
    assert figures["coverage"] == 0.1  # zoe's items do not count


def test_perfect_lists_score_one(spark: SparkSession) -> None:
    figures = judged(spark, {"ann": "2 1", "bob": "3"}, {"ann": "1 2", "bob": "3"})
    assert {figures[name] for name in ("recall@3", "ndcg@3", "map@3", "hit@3")} == {1.0}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("ann", 1, "1", 0.0), ("ann", 2, "1", 0.0)], "1 people are recommended an item twice"),
        ([("ann", 1, None, 0.0)], "recommended an item twice or a null item"),
        ([("ann", 1, "1", 0.0), ("ann", 1, "2", 0.0)], "ranks of 1 people"),
        ([("ann", 0, "1", 0.0), ("ann", 1, "2", 0.0)], "ranks of 1 people"),
        ([("ann", 1, "1", 0.0), ("ann", 3, "2", 0.0)], "ranks of 1 people"),
    ],
)
def test_refuses_doubled_items_and_broken_ranks(
    spark: SparkSession, rows: list[tuple[object, ...]], message: str
) -> None:
    with pytest.raises(MetricsError, match=message):
        metrics.evaluate(spark.createDataFrame(rows, RECOMMENDED), pairs(spark, ann="1"), 10)


def test_refuses_an_empty_or_doubled_truth(spark: SparkSession) -> None:
    got = recommended(spark, ann="1")
    with pytest.raises(MetricsError, match="truth is empty"):
        metrics.evaluate(got, spark.createDataFrame([], PAIRS), 10)
    with pytest.raises(MetricsError, match="truth of 1 people"):
        metrics.evaluate(got, pairs(spark, ann="1 1"), 10)
    with pytest.raises(MetricsError, match="at least 1"):
        metrics.evaluate(got, pairs(spark, ann="1"), 0)


def test_agrees_with_a_plain_loop(spark: SparkSession) -> None:
    rng = np.random.default_rng(3)
    got, truth = {}, {}
    for p in range(60):
        if p % 7:
            got[f"p{p}"] = [str(i) for i in rng.permutation(40)[: rng.integers(1, 15)]]
        if p % 5:
            truth[f"p{p}"] = [str(i) for i in rng.permutation(40)[: rng.integers(1, 20)]]
    figures = metrics.evaluate(
        recommended(spark, **{p: " ".join(items) for p, items in got.items()}),
        pairs(spark, **{p: " ".join(items) for p, items in truth.items()}),
        catalogue_size=40,
    )
    sums = np.zeros(4)
    shown = set()
    for person, truth_of_person in truth.items():
        items = got.get(person, [])[:10]
        shown.update(items)
        hits = 0
        dcg = precision = 0.0
        for rank, item in enumerate(items, start=1):
            if item in truth_of_person:
                hits += 1
                dcg += discount(rank)
                precision += hits / rank
        most = min(10, len(truth_of_person))
        sums += [hits / most, dcg / sum(discount(r) for r in range(1, most + 1)), precision / most, hits > 0]
    expected = dict(zip(("recall@10", "ndcg@10", "map@10", "hit@10"), sums / len(truth), strict=True))
    assert figures == pytest.approx({**expected, "coverage": len(shown) / 40, "people": len(truth)})

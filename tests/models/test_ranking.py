"""Exact top N against every score computed in numpy."""

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from models import ranking
from models.ranking import RankingError

FACTORS = "array<float>"


def frame(spark: SparkSession, column: str, prefix: str, factors: np.ndarray) -> DataFrame:
    rows = [(f"{prefix}{i:05d}", row.tolist()) for i, row in enumerate(factors)]
    return spark.createDataFrame(rows, f"{column} string, factors {FACTORS}")


# One item, fewer items than blocks are deep, items no multiple of it, several slices of people, n over the
# number of blocks.
@pytest.mark.parametrize(
    ("people", "items", "rank", "n"),
    [(3, 1, 2, 5), (3, 7, 2, 3), (5, 16, 4, 1), (150, 333, 8, 10), (70, 100, 3, 60), (2, 5000, 16, 5000)],
)
def test_equals_brute_force(spark: SparkSession, people: int, items: int, rank: int, n: int) -> None:
    rng = np.random.default_rng(people * items)
    persons = rng.normal(size=(people, rank)).astype(np.float32)
    goods = rng.normal(size=(items, rank)).astype(np.float32)
    has = rng.random((people, items)) < 0.4
    has[0] = False
    seen = spark.createDataFrame(
        [(f"p{p:05d}", f"i{i:05d}") for p, i in zip(*np.nonzero(has), strict=True)] or [("p00000", "gone")],
        "person_id string, item_id string",
    )
    rows = ranking.top_n(
        frame(spark, "person_id", "p", persons), frame(spark, "item_id", "i", goods), n, seen
    ).collect()
    scores = np.where(has, -np.inf, persons @ goods.T)
    for p in range(people):
        mine = sorted((r.rank, r.item_id, r.score) for r in rows if r.person_id == f"p{p:05d}")
        expected = [i for i in np.argsort(-scores[p], kind="stable")[:n] if np.isfinite(scores[p, i])]
        assert [item for _, item, _ in mine] == [f"i{i:05d}" for i in expected]
        assert [rank for rank, _, _ in mine] == list(range(1, len(expected) + 1))
        np.testing.assert_allclose([s for _, _, s in mine], scores[p, expected], rtol=1e-4, atol=1e-5)


def test_without_seen_items(spark: SparkSession) -> None:
    rows = ranking.top_n(
        frame(spark, "person_id", "p", np.array([[1.0, 0.0], [0.0, 1.0]])),
        frame(spark, "item_id", "i", np.array([[1.0, 0.0], [0.5, 2.0], [0.5, 0.0]])),
        2,
    ).collect()
    assert sorted((r.person_id, r.rank, r.item_id, r.score) for r in rows) == [
        ("p00000", 1, "i00000", 1.0),
        ("p00000", 2, "i00001", 0.5),  # ties with i00002: by item id
        ("p00001", 1, "i00001", 2.0),
        ("p00001", 2, "i00000", 0.0),
    ]


def test_refuses_what_cannot_be_ranked(spark: SparkSession) -> None:
    one = frame(spark, "item_id", "i", np.ones((1, 2)))
    nobody = frame(spark, "person_id", "p", np.ones((1, 2)))
    with pytest.raises(RankingError, match="no items"):
        ranking.top_n(nobody, one.where("false"), 3)
    with pytest.raises(RankingError, match="n is 0"):
        ranking.top_n(nobody, one, 0)
    uneven = spark.createDataFrame([("a", [1.0]), ("b", [1.0, 2.0])], f"item_id string, factors {FACTORS}")
    with pytest.raises(RankingError, match="one length"):
        ranking.top_n(nobody, uneven, 3)


def test_executors_need_nothing_of_this_package(spark: SparkSession) -> None:
    import pyspark.cloudpickle as cloudpickle

    handle = spark.sparkContext.broadcast((None, None))
    sent = cloudpickle.dumps(ranking._ranker(handle, 3))
    # A reference to a module of ours would be its dotted name.
    assert b"models.ranking\x94\x8c\x07_ranker" not in sent

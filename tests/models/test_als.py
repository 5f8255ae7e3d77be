"""ALS on shops whose answer is known."""

import math
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from models import als
from models.errors import TooLittleData
from models.params import AlsParams
from tests.models.builders import RATINGS, lists, pairs, people, ratings

SMALL = AlsParams(rank=2, iterations=15, reg=0.01, alpha=40.0, min_people=1, seed=1, blocks=2)


@pytest.fixture(scope="module")
def checkerboard(spark: SparkSession) -> DataFrame:
    """Even people buy even items, odd people odd ones; person p has not bought item p yet."""
    return ratings(
        spark, *((f"p{p}", f"i{i:02d}", 1) for p in range(20) for i in range(20) if p % 2 == i % 2 and p != i)
    )


@pytest.fixture(scope="module")
def model(checkerboard: DataFrame) -> als.AlsModel:
    return als.fit(checkerboard, SMALL)


def test_fills_the_hole_of_a_checkerboard(spark: SparkSession, checkerboard: DataFrame, model: als.AlsModel) -> None:
    everybody = people(spark, *(f"p{p}" for p in range(20)))
    top = als.top_n(model, everybody, 1, checkerboard.select("person_id", "item_id"))
    assert lists(top) == {f"p{p}": [f"i{p:02d}"] for p in range(20)}
    assert all(row.score > 0.5 for row in top.collect())


def test_same_ratings_in_another_order_give_the_same_factors(checkerboard: DataFrame, model: als.AlsModel) -> None:
    again = als.fit(checkerboard.orderBy("weight", "item_id").repartition(3, "item_id"), SMALL)
    for name in ("person_factors", "item_factors"):
        one, two = ({row[0]: row.factors for row in getattr(m, name).collect()} for m in (model, again))
        assert one.keys() == two.keys()
        np.testing.assert_allclose([one[key] for key in one], [two[key] for key in one], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("weight", [1e-46, 5e-324])
def test_a_weight_too_small_for_float32_breaks_no_fit(spark: SparkSession, weight: float) -> None:
    """A purchase that a dead clock dated decades back, decayed; fewer items than factors."""
    bought = [(f"p{p}", f"i{i}", 1) for p in range(40) for i in range(12) if (p + i) % 3]
    params = AlsParams(rank=16, iterations=2, min_people=5, blocks=1)
    ancient = ratings(spark, ("ancient", "i1", 1)).withColumn("weight", F.lit(weight))
    model = als.fit(ratings(spark, *bought).union(ancient), params)
    factors = {row.person_id: row.factors for row in model.person_factors.collect()}
    assert len(factors) == 41 and np.isfinite(list(factors.values())).all()


def test_is_rebuilt_from_saved_tables(spark: SparkSession, model: als.AlsModel, tmp_path: Path) -> None:
    model.person_factors.write.parquet(str(tmp_path / "people"))
    model.item_factors.write.parquet(str(tmp_path / "items"))
    saved = (spark.read.parquet(str(tmp_path / name)) for name in ("people", "items"))
    readers = people(spark, "p3", "p4")
    assert als.top_n(als.AlsModel(*saved), readers, 5).orderBy("person_id", "rank").collect() == (
        als.top_n(model, readers, 5).orderBy("person_id", "rank").collect()
    )


def test_leaves_nothing_cached_but_the_factors(spark: SparkSession, checkerboard: DataFrame) -> None:
    frames = spark._jsparkSession.sharedState().cacheManager()
    before = frames.isEmpty()
    als.fit(checkerboard, SMALL)
    assert frames.isEmpty() == before


def test_ids_may_be_any_text(spark: SparkSession) -> None:
    model = als.fit(
        ratings(spark, ("ł 1", "900'", 1), ("ł 1", "b", 1), ("zoë", "900'", 1)),
        AlsParams(rank=2, min_people=1),
    )
    assert lists(als.top_n(model, people(spark, "zoë"), 1, pairs(spark, zoë="900'"))) == {"zoë": ["b"]}


def test_people_without_factors_get_no_row(spark: SparkSession, model: als.AlsModel) -> None:
    assert als.top_n(model, people(spark, "stranger"), 3).count() == 0


def test_rare_items_get_no_factors(spark: SparkSession) -> None:
    common = [(f"p{n}", "common", 1) for n in range(30)]
    rated = ratings(spark, *common, ("p1", "rare", 1), ("p2", "rare", 1), ("q", "odd", 9))
    model = als.fit(rated, AlsParams(rank=1, min_people=3))
    assert [row.item_id for row in model.item_factors.collect()] == ["common"]
    assert {row.person_id for row in model.person_factors.collect()} == {person for person, _, _ in common}


def test_a_small_shop_gets_fewer_factors_and_says_so(spark: SparkSession, caplog: pytest.LogCaptureFixture) -> None:
    """20 people: a tenth of them, two, are enough for an item, and no more factors are learned than there are items."""
    rows = [(f"p{n}", f"i{n % 3}", 1) for n in range(20)]
    model = als.fit(ratings(spark, *rows, ("p0", "once", 1)), AlsParams())
    assert {row.item_id: len(row.factors) for row in model.item_factors.collect()} == {"i0": 3, "i1": 3, "i2": 3}
    assert caplog.messages == [
        "als: a small shop: 3 factors, of items that 2 people or more took up (the settings say 64 and 10)"
    ]


@pytest.mark.parametrize("weight", [None, 0.0, -1.0, math.nan, math.inf])
def test_refuses_weights_it_cannot_learn_from(spark: SparkSession, weight: float | None) -> None:
    rated = spark.createDataFrame([("a", "1", weight, 1, None), ("a", "2", 1.0, 1, None)], RATINGS)
    with pytest.raises(als.AlsError, match="1 of 2 ratings"):
        als.fit(rated, SMALL)


def test_refuses_an_empty_frame(spark: SparkSession) -> None:
    with pytest.raises(TooLittleData, match="no ratings"):
        als.fit(spark.createDataFrame([], RATINGS), SMALL)

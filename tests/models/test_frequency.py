"""A person's own items by baskets, then what is popular."""

import pytest
from pyspark.sql import SparkSession

from models import frequency
from tests.models.builders import lists, pairs, people, ratings


@pytest.fixture(scope="module")
def model(spark: SparkSession) -> frequency.FrequencyModel:
    # Lines: 2 has 7, 1 has 5, 3 has 4, 4 has 1.
    return frequency.fit(
        ratings(
            spark,
            ("ann", "3", 4),
            ("ann", "2", 1),
            ("ann", "1", 1),
            ("bob", "2", 6),
            ("bob", "1", 4),
            ("bob", "4", 1),
            ("cid", "4", 0),  # viewed, not bought
        )
    )


def test_own_items_by_baskets_ties_by_popularity_then_popular_ones(
    spark: SparkSession, model: frequency.FrequencyModel
) -> None:
    top = frequency.top_n(model, people(spark, "ann", "bob", "cid"), 4)
    assert lists(top) == {
        "ann": ["3", "2", "1", "4"],  # 1 and 2 tie on one basket, 2 sells more; 4 fills
        "bob": ["2", "1", "4", "3"],
        "cid": ["2", "1", "3", "4"],  # bought nothing: popularity
    }
    ann = {r.item_id: (r.rank, r.score) for r in top.where("person_id = 'ann'").collect()}
    assert ann == {"3": (1, 4.0), "2": (2, 1.0), "1": (3, 1.0), "4": (4, 0.0)}


def test_own_items_are_cut_at_n(spark: SparkSession, model: frequency.FrequencyModel) -> None:
    assert lists(frequency.top_n(model, people(spark, "ann"), 2)) == {"ann": ["3", "2"]}


def test_new_items_only(spark: SparkSession, model: frequency.FrequencyModel) -> None:
    seen = pairs(spark, ann="3 1", bob="1 2 4")
    top = frequency.top_n(model, people(spark, "ann", "bob"), 3, seen)
    assert lists(top) == {"ann": ["2", "4"], "bob": ["3"]}


def test_candidate_items_only(spark: SparkSession, model: frequency.FrequencyModel) -> None:
    items = spark.createDataFrame([("2",), ("4",)], "item_id string")
    top = frequency.top_n(model, people(spark, "ann"), 3, None, items)
    assert lists(top) == {"ann": ["2", "4"]}

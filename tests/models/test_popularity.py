"""Small shops in which the right order can be read off."""

import pytest
from pyspark.sql import SparkSession

from models import popularity
from models.ranking import RankingError
from tests.models.builders import lists, pairs, people, ratings


@pytest.fixture(scope="module")
def model(spark: SparkSession) -> popularity.PopularityModel:
    return popularity.fit(
        ratings(
            spark,
            ("ann", "30", 5),
            ("ann", "9", 1),
            ("bob", "9", 2),
            ("bob", "10", 3),
            ("bob", "7", 1),
            ("bob", "4", 0),  # only viewed: never recommended
        )
    )


def test_most_lines_first_and_ties_by_product_id_as_numbers(
    spark: SparkSession, model: popularity.PopularityModel
) -> None:
    top = popularity.top_n(model, people(spark, "ann", "zoe"), 10)
    # 9 and 10 tie on three lines: 9 first, although "10" < "9" as text.
    assert lists(top) == {"ann": ["30", "9", "10", "7"], "zoe": ["30", "9", "10", "7"]}
    scores = {(r.item_id, r.score) for r in top.where("person_id = 'zoe'").collect()}
    assert scores == {("30", 5.0), ("9", 3.0), ("10", 3.0), ("7", 1.0)}


@pytest.mark.parametrize(
    ("seen", "n", "expected"),
    [
        ("30", 2, ["9", "10"]),  # at the head
        ("9", 2, ["30", "10"]),  # in the middle
        ("30 9 10", 1, ["7"]),  # a run
        ("30 10", 2, ["9", "7"]),  # with gaps
        ("7", 3, ["30", "9", "10"]),  # behind what is asked
        ("4 unknown", 2, ["30", "9"]),  # not in the catalogue
        ("30 9 10 7", 3, []),  # everything
        ("30", 10, ["9", "10", "7"]),  # more asked than there is
    ],
)
def test_seen_items_make_room(
    spark: SparkSession, model: popularity.PopularityModel, seen: str, n: int, expected: list[str]
) -> None:
    top = popularity.top_n(model, people(spark, "ann"), n, pairs(spark, ann=seen, other="9"))
    assert lists(top).get("ann", []) == expected
    assert [r.rank for r in top.orderBy("rank").collect()] == list(range(1, len(expected) + 1))


def test_only_candidate_items(spark: SparkSession, model: popularity.PopularityModel) -> None:
    items = spark.createDataFrame([("9",), ("7",), ("4",)], "item_id string")
    top = popularity.top_n(model, people(spark, "ann"), 5, pairs(spark, ann="9"), items)
    assert lists(top) == {"ann": ["7"]}


def test_no_items_asked_for(spark: SparkSession, model: popularity.PopularityModel) -> None:
    with pytest.raises(RankingError, match="n is 0"):
        popularity.top_n(model, people(spark, "ann"), 0)

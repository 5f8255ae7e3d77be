"""The pure functions of gold, on small tables with a reason per row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.gold.fallbacks import as_fallbacks
from jobs.gold.features import as_features
from jobs.gold.profiles import as_profiles
from jobs.gold.ratings import as_ratings
from jobs.gold.recommendations import as_recommendations, version_name
from jobs.settings.loading import Settings
from jobs.settings.recommendations_settings import RecommendationsSettings
from models.als import AlsModel

AS_OF = datetime(2018, 1, 1, tzinfo=UTC)
COLUMNS = (
    "event_id string, event_type string, person_id string, item_id string, occurred_at timestamp, "
    "amount double, discount double"
)


def interactions(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    """(event_id, event_type, person, item, days before AS_OF, amount, discount)."""
    dated = [(*row[:4], AS_OF - timedelta(days=row[4]), *row[5:]) for row in rows]
    return spark.createDataFrame(dated, COLUMNS)


def test_a_weight_halves_with_each_half_life(spark: SparkSession, settings: Settings) -> None:
    weights = settings.ratings.model_copy(update={"half_life_days": 10.0, "purchase": 1.0, "product_view": 0.25})
    frame = interactions(
        spark,
        ("a", "purchase", "p", "now", 0.001, 6.0, 0.0),  # quantity and price do not count
        ("b", "purchase", "p", "once", 10, 1.0, 0.0),
        ("c", "purchase", "p", "twice", 0.001, 1.0, 0.0),
        ("d", "purchase", "p", "twice", 20, 1.0, 0.0),
        ("e", "product_view", "p", "seen", 0.001, 1.0, 0.0),
        ("f", "remove_from_cart", "p", "removed", 1, 1.0, 0.0),  # says nothing for the item
        ("g", "purchase", "p", "future", -1, 1.0, 0.0),  # not yet known
    )
    rows = {row["item_id"]: row for row in as_ratings(frame, weights, AS_OF).collect()}
    assert {item: round(row["weight"], 3) for item, row in rows.items()} == {
        "now": 1.0,
        "once": 0.5,
        "twice": 1.25,
        "seen": 0.25,
    }
    assert {item: row["purchases"] for item, row in rows.items()} == {"now": 1, "once": 1, "twice": 2, "seen": 0}


def test_features_are_sums_over_baskets(spark: SparkSession) -> None:
    frame = interactions(
        spark,
        ("a", "purchase", "p", "milk", 4, 3.0, 1.0),
        ("a", "purchase", "p", "beer", 4, 5.0, 0.0),  # another department, same basket
        ("b", "purchase", "p", "milk", 2, 2.0, None),  # no discount told
        ("c", "product_view", "p", "wine", 1, 9.0, 0.0),  # not bought
        ("d", "purchase", "free", "milk", 1, 0.0, 0.0),  # nothing paid: no share, no division by zero
        ("e", "purchase", "p", "mystery", -1, 7.0, 0.0),  # in the future
    )
    items = spark.createDataFrame([("milk", "DAIRY"), ("beer", "DRINKS")], "item_id string, department string")
    rows = {row["person_id"]: row for row in as_features(frame, items, AS_OF).collect()}
    assert set(rows) == {"p", "free"}
    row = rows["p"]
    assert (row["baskets"], row["lines"], row["spend"], row["mean_basket"], row["items"]) == (2, 3, 10.0, 5.0, 2)
    assert row["recency_days"] == pytest.approx(2) and row["discount_share"] == pytest.approx(1 / 11)
    assert row["departments"] == {"DAIRY": 0.5, "DRINKS": 0.5}
    assert rows["free"]["departments"] == {"DAIRY": 0.0} and rows["free"]["discount_share"] == 0


def test_everyone_has_a_profile(spark: SparkSession) -> None:
    people = spark.createDataFrame([("p",), ("silent",)], "person_id string")
    features = spark.createDataFrame(
        [("p", 2.0, 9.0, 1.0, {"DAIRY": 0.4, "DRINKS": 0.6})],
        "person_id string, baskets double, spend double, recency_days double, departments map<string, double>",
    )
    segments = spark.createDataFrame(
        [("p", "persona-1", "thirsty")], "person_id string, segment_id string, name string"
    )
    rows = {row["person_id"]: row for row in as_profiles(people, features, segments).collect()}
    assert (rows["p"]["favourite_department"], rows["p"]["segment"]) == ("DRINKS", "thirsty")
    assert rows["silent"]["segment"] is None and rows["silent"]["baskets"] is None


@pytest.fixture
def ratings(spark: SparkSession) -> DataFrame:
    rows = [
        ("p", "milk", 3.0, 5),
        ("p", "beer", 1.0, 1),
        ("p", "seen", 0.1, 0),
        ("q", "milk", 1.0, 1),
        ("q", "wine", 9.0, 2),
        ("new", "wine", 1.0, 1),
    ]
    return spark.createDataFrame(rows, "person_id string, item_id string, weight double, purchases long")


def lists(frame: DataFrame) -> dict[tuple[str, str], list[tuple[str, str]]]:
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in frame.orderBy("person_id", "slot", "rank").collect():
        found.setdefault((row["person_id"], row["slot"]), []).append((row["item_id"], row["model"]))
    return found


def test_each_slot_holds_what_it_says(spark: SparkSession, ratings: DataFrame) -> None:
    person = spark.createDataFrame([("p", [1.0, 0.0]), ("q", [0.0, 1.0])], "person_id string, factors array<float>")
    item = spark.createDataFrame(
        [("milk", [9.0, 9.0]), ("wine", [1.0, 0.5]), ("seen", [0.5, 0.1]), ("beer", [0.2, 0.4])],
        "item_id string, factors array<float>",
    )
    frame = as_recommendations(
        ratings, RecommendationsSettings(again=2, discover=1), "v", AlsModel(person, item), "als7"
    )
    found = lists(frame)
    assert found["p", "again"] == [("milk", "frequency"), ("beer", "frequency")]
    assert found["p", "discover"] == [("wine", "als7")]
    assert found["q", "discover"] == [("beer", "als7")]
    assert found["new", "discover"] == [("milk", "popularity")], "no factors: the most sold that is new to them"
    reasons = {row["slot"]: row["reason"] for row in frame.where("person_id = 'p' AND rank = 1").collect()}
    assert reasons == {"again": "bought 5 times", "discover": "similar shoppers"}


def test_without_a_champion_everyone_discovers_what_is_popular(ratings: DataFrame) -> None:
    found = lists(as_recommendations(ratings, RecommendationsSettings(again=1, discover=1), "v", None, "popularity"))
    assert found["p", "discover"] == [("wine", "popularity")]
    assert found["q", "discover"] == [("beer", "popularity")]


def test_fallbacks_rank_by_weight(spark: SparkSession, ratings: DataFrame) -> None:
    segments = spark.createDataFrame([("p", "persona-1"), ("q", "persona-2")], "person_id string, segment_id string")
    rows = as_fallbacks(ratings, segments, 2).orderBy("segment_id", "rank").collect()
    assert [(row["segment_id"], row["rank"], row["item_id"]) for row in rows] == [
        ("everyone", 1, "wine"),
        ("everyone", 2, "milk"),
        ("persona-1", 1, "milk"),
        ("persona-1", 2, "beer"),
        ("persona-2", 1, "wine"),
        ("persona-2", 2, "milk"),
    ]


def test_a_version_is_named_by_its_moment_and_model() -> None:
    assert version_name(datetime(2018, 1, 1, 4, 2, tzinfo=UTC), "als3") == "20180101T040200Z-als3"

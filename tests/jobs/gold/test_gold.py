"""The pure functions of gold, on small tables with a reason per row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.gold.fallbacks import as_fallbacks
from jobs.gold.features import _warn_of_rates, as_features
from jobs.gold.ratings import as_ratings
from jobs.gold.recommendations import Filler, as_recommendations, version_name
from jobs.settings.currency_settings import CurrencySettings
from jobs.settings.loading import Settings
from jobs.settings.recommendations_settings import RecommendationsSettings
from models import als, frequency, popularity
from models.als import AlsModel

AS_OF = datetime(2018, 1, 1, tzinfo=UTC)
COLUMNS = (
    "event_id string, event_type string, person_id string, item_id string, occurred_at timestamp, "
    "amount double, discount double, quantity double, stars long, currency string, order_id string"
)


def interactions(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    """(event_id, event_type, person, item, days before AS_OF, amount, discount, quantity = 1, stars = None,
    currency = None, order_id = event_id)."""
    whole = [(*row, *(1, None, None, row[0])[len(row) - 7 :]) for row in rows]
    dated = [
        (*row[:4], AS_OF - timedelta(days=row[4]), *row[5:7], None if row[7] is None else float(row[7]), *row[8:])
        for row in whole
    ]
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


def test_a_correction_is_no_purchase_and_stars_weigh(spark: SparkSession, settings: Settings) -> None:
    weights = settings.ratings.model_copy(update={"half_life_days": 1e9, "purchase": 1.0, "rating": 0.6})
    frame = interactions(
        spark,
        ("a", "purchase", "p", "bought", 1, 1.0, 0.0, 2),
        ("b", "purchase", "p", "corrected", 1, 0.0, 0.0, 0),
        *[(f"r{stars}", "rating", "p", f"{stars} stars", 1, None, None, None, stars) for stars in (1, 2, 3, 4, 5)],
    )
    rows = {row["item_id"]: row for row in as_ratings(frame, weights, AS_OF).collect()}
    weights_and_purchases = {item: (round(row["weight"], 3), row["purchases"]) for item, row in rows.items()}
    assert weights_and_purchases == {"bought": (1.0, 1), "3 stars": (0.2, 0), "4 stars": (0.4, 0), "5 stars": (0.6, 0)}


def test_what_was_given_back_is_not_bought(spark: SparkSession, settings: Settings) -> None:
    weights = settings.ratings.model_copy(update={"half_life_days": 1e9, "purchase": 1.0})
    frame = interactions(
        spark,
        ("o1", "purchase", "p", "shoe", 9, 60.0, 10.0, 2),
        ("o2", "purchase", "p", "shoe", 8, 30.0, 0.0, 1),
        ("o1", "purchase", "p", "hat", 9, 20.0, 0.0, 1),
        ("r1", "return", "p", "shoe", 5, 30.0, None, 1, None, None, "o1"),  # one of two
        ("r2", "return", "p", "hat", 5, 20.0, None, 1, None, None, "o1"),
        ("r3", "return", "p", "shoe", -1, 30.0, None, 1, None, None, "o2"),  # not yet known
        ("r4", "return", "p", "hat", 5, 20.0, None, 1, None, None, "another"),  # of an order that was never seen
        ("v", "product_view", "p", "hat", 5, 20.0, None),
    )
    rows = {row["item_id"]: row for row in as_ratings(frame, weights, AS_OF).collect()}
    assert {item: row["purchases"] for item, row in rows.items()} == {"shoe": 2, "hat": 0}
    assert rows["hat"]["weight"] == pytest.approx(weights.product_view)
    items = spark.createDataFrame([], "item_id string, categories array<string>, brand string")
    features = as_features(frame, items, AS_OF, OWN).first()
    assert features is not None
    assert (features["baskets"], features["lines"], features["spend"]) == (2, 2, 60.0)
    assert features["discount_share"] == pytest.approx(5 / 65)


OWN = CurrencySettings(own="USD", rates={"EUR": 1.5})


def test_features_are_sums_over_baskets(spark: SparkSession) -> None:
    frame = interactions(
        spark,
        ("a", "purchase", "p", "milk", 4, 3.0, 1.0),
        ("a", "purchase", "p", "beer", 4, 10.0, 0.0, 2),  # another category, same basket
        ("b", "purchase", "p", "milk", 2, 2.0, None),  # no discount told
        ("c", "product_view", "p", "wine", 1, 9.0, 0.0),  # not bought
        ("f", "purchase", "p", "wine", 1, 0.0, 0.0, 0),  # a correction
        ("d", "purchase", "free", "milk", 1, 0.0, 0.0),  # nothing paid: no share, no division by zero
        ("e", "purchase", "p", "mystery", -1, 7.0, 0.0),  # in the future
        ("g", "purchase", "abroad", "milk", 1, 2.0, 0.0, 1, None, "EUR"),
        ("h", "purchase", "abroad", "unlisted", 1, 9.0, 0.0, 1, None, "GBP"),  # no rate
    )
    items = spark.createDataFrame(
        [("milk", ["DAIRY", "MILK"], "Own"), ("beer", ["DRINKS"], None)],
        "item_id string, categories array<string>, brand string",
    )
    rows = {row["person_id"]: row for row in as_features(frame, items, AS_OF, OWN).collect()}
    assert set(rows) == {"p", "free", "abroad"}
    row = rows["p"]
    assert (row["baskets"], row["lines"], row["spend"], row["mean_basket"], row["items"]) == (2, 3, 15.0, 7.5, 2)
    assert row["recency_days"] == pytest.approx(2) and row["discount_share"] == pytest.approx(1 / 16)
    assert row["mean_price"] == pytest.approx((3 + 5 + 2) / 3), "for one, not for the line"
    assert row["categories"] == {"DAIRY": pytest.approx(1 / 3), "DRINKS": pytest.approx(2 / 3)}
    assert row["brands"] == {"Own": pytest.approx(1 / 3), "UNKNOWN": pytest.approx(2 / 3)}
    assert rows["free"]["categories"] == {"DAIRY": 0.0} and rows["free"]["discount_share"] == 0
    assert (rows["abroad"]["spend"], rows["abroad"]["lines"]) == (3.0, 2), "what has no rate is bought for nothing"


def test_a_currency_without_a_rate_is_told_of(spark: SparkSession, caplog: pytest.LogCaptureFixture) -> None:
    one = ("purchase", "p", "milk", 1, 2.0, 0.0, 1, None)
    _warn_of_rates(interactions(spark, ("a", *one, "EUR"), ("b", *one, "GBP"), ("c", *one, None)), OWN)
    assert caplog.messages == [
        "gold.features: 1 lines in GBP count as bought for nothing; say what one is worth in USD:"
        " currency.rates = {GBP = ...}"
    ]


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


def sizes(again: int, discover: int) -> RecommendationsSettings:
    return RecommendationsSettings(again=again, discover=discover, again_by=(), discover_by=())


def bought(ratings: DataFrame) -> Filler:
    return Filler(frequency.RECOMMENDER, frequency.fit(ratings), "frequency")


def sold(ratings: DataFrame) -> Filler:
    return Filler(popularity.RECOMMENDER, popularity.fit(ratings), "popularity")


def lists(frame: DataFrame) -> dict[tuple[str, str], list[tuple[str, str]]]:
    by_person: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in frame.orderBy("person_id", "slot", "rank").collect():
        by_person.setdefault((row["person_id"], row["slot"]), []).append((row["item_id"], row["model"]))
    return by_person


def test_each_slot_holds_what_it_says(spark: SparkSession, ratings: DataFrame) -> None:
    person = spark.createDataFrame([("p", [1.0, 0.0]), ("q", [0.0, 1.0])], "person_id string, factors array<float>")
    item = spark.createDataFrame(
        [("milk", [9.0, 9.0]), ("wine", [1.0, 0.5]), ("seen", [0.5, 0.1]), ("beer", [0.2, 0.4])],
        "item_id string, factors array<float>",
    )
    trained = Filler(als.RECOMMENDER, AlsModel(person, item), "als7")
    frame = as_recommendations(ratings, sizes(2, 1), [bought(ratings)], [trained, sold(ratings)], "v")
    by_person = lists(frame)
    assert by_person["p", "again"] == [("milk", "frequency"), ("beer", "frequency")]
    assert by_person["p", "discover"] == [("wine", "als7")]
    assert by_person["q", "discover"] == [("beer", "als7")]
    assert by_person["new", "discover"] == [("milk", "popularity")], "no factors: the most sold that is new to them"
    reasons = {row["slot"]: row for row in frame.where("person_id = 'p' AND rank = 1").collect()}
    assert {slot: (row["reason"], row["reason_values"]) for slot, row in reasons.items()} == {
        "again": ("bought_before", {"times": "5"}),
        "discover": ("similar_people", {}),
    }


def test_without_a_champion_everyone_discovers_what_is_popular(ratings: DataFrame) -> None:
    by_person = lists(as_recommendations(ratings, sizes(1, 1), [bought(ratings)], [sold(ratings)], "v"))
    assert by_person["p", "discover"] == [("wine", "popularity")]
    assert by_person["q", "discover"] == [("beer", "popularity")]


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

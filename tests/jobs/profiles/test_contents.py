"""What stands in a profile, on small tables with a reason per row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.gold.sessions import with_session
from jobs.profiles.activity import as_activity, engagement
from jobs.profiles.affinities import as_affinities
from jobs.profiles.behaviour import behaviour, component_names
from jobs.profiles.exact import exact, exact_sum
from jobs.profiles.relative import MEASURES, imputed, quintile, with_everybody, with_imputed
from jobs.settings.loading import Settings
from jobs.settings.profiles_settings import EngagementLevel, ProfilesSettings

SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def conf(settings: Settings) -> ProfilesSettings:
    levels = {
        "high": EngagementLevel(sessions=3, steps_per_session=2, actions=2),
        "medium": EngagementLevel(sessions=2, steps_per_session=2, actions=1),
    }
    return settings.profiles.model_copy(update={"engagement_days": 30, "impute": {}, "encode": {}, **levels})


def steps(spark: SparkSession, *rows: tuple[str, str, float, str | None, str | None]) -> DataFrame:
    """(person, event type, hours from Sunday on, device, country)."""
    whole = [
        (who, f"e-{n}", kind, SUNDAY + timedelta(hours=hours), (device, country, None))
        for n, (who, kind, hours, device, country) in enumerate(rows)
    ]
    context = "context struct<device_type: string, country: string, campaign: string>"
    return spark.createDataFrame(
        whole, f"person_id string, event_id string, event_type string, occurred_at timestamp, {context}"
    )


def by_person(frame: DataFrame) -> dict[str, dict[str, Any]]:
    return {row["person_id"]: row.asDict(recursive=True) for row in frame.collect()}


def test_when_where_and_how_much_somebody_does(spark: SparkSession, conf: ProfilesSettings) -> None:
    rows = steps(
        spark,
        ("p", "product_view", 9.0, "app", "PL"),
        ("p", "add_to_cart", 9.2, "app", "PL"),
        ("p", "product_view", 9.9, "mobile", None),  # 42 minutes later: another session, at an hour of the same name
        ("p", "purchase", 33.0, None, "DE"),  # on Monday
        ("old", "purchase", -31 * 24, "app", None),  # more than 30 days before the last step
        ("old", "purchase", -30 * 24, "app", None),  # exactly so long before: not within
        ("old", "page_view", 0.0, "app", None),
    )
    seen = by_person(as_activity(with_session(rows), conf).withColumn("engagement", engagement(conf)))
    p, old = seen["p"], seen["old"]
    assert (p["sessions"], p["steps"], p["recent_sessions"], p["recent_steps"], p["recent_actions"]) == (3, 4, 3, 4, 2)
    assert (old["sessions"], old["steps"]) == (3, 3)
    assert (old["recent_sessions"], old["recent_steps"], old["recent_actions"]) == (1, 1, 0)
    assert (p["hours"], p["weekdays"]) == ({9: 1.0}, {1: 0.25, 7: 0.75})
    assert p["devices"] == {"app": pytest.approx(2 / 3), "mobile": pytest.approx(1 / 3)}, "of three steps that tell it"
    assert p["countries"] == {"DE": pytest.approx(1 / 3), "PL": pytest.approx(2 / 3)}
    assert (p["engagement"], old["engagement"]) == ("high", "low"), "sessions and actions are two of the three"


@pytest.mark.parametrize(
    ("sessions", "in_all", "actions", "expected"),
    [
        (3, 5, 2, "high"),
        (3, 6, 0, "high"),
        (2, 4, 0, "medium"),
        (1, 2, 1, "medium"),
        (9, 9, 0, "low"),
        (0, 0, 0, "low"),
    ],
)
def test_two_of_three_make_engagement(
    spark: SparkSession, conf: ProfilesSettings, sessions: int, in_all: int, actions: int, expected: str
) -> None:
    columns = "recent_sessions long, recent_steps long, recent_actions long"
    row = spark.createDataFrame([(sessions, in_all, actions)], columns).select(engagement(conf)).collect()[0]
    assert row[0] == expected


def test_affinities_are_shares_of_what_is_known(spark: SparkSession) -> None:
    weighed = spark.createDataFrame(
        [("p", "boot", 1.0), ("p", "heel", 0.5), ("p", "coat", 1.5), ("p", "unlisted", 9.0), ("q", "unlisted", 1.0)],
        "person_id string, item_id string, weight double",
    )
    items = spark.createDataFrame(
        [("boot", ["Shoes", "Boots"], "Own"), ("heel", ["Shoes"], None), ("coat", ["Clothes"], "Other")],
        "item_id string, categories array<string>, brand string",
    )
    seen = by_person(as_affinities(weighed, items, 1))
    assert seen["p"]["categories"] == {"Clothes": 0.5}, "of equal shares the first by name, and one alone is kept"
    assert (seen["p"]["favourite_category"], seen["p"]["favourite_brand"]) == ("Clothes", "Other")
    assert seen["p"]["brands"] == {"Other": 0.6}
    assert "q" not in seen


def profiles(spark: SparkSession, *rows: tuple[str, int, float, int | None, dict[str, str]]) -> DataFrame:
    """(person, baskets, spend, hours from Sunday of the last purchase, attributes)."""
    whole = [
        (who, baskets, spend, None if hours is None else SUNDAY + timedelta(hours=hours), attributes)
        for who, baskets, spend, hours, attributes in rows
    ]
    columns = "person_id string, baskets long, spend double, last_purchase_at timestamp, attributes map<string, string>"
    return spark.createDataFrame(whole, columns)


def test_quintiles_are_over_buyers_and_equal_values_are_in_one(spark: SparkSession, conf: ProfilesSettings) -> None:
    buyers = [(f"b{n}", 1 if n < 7 else n, float(n), n, {}) for n in range(10)]
    others = [(f"o{n}", 0, 0.0, None, {}) for n in range(90)]
    rows = profiles(spark, *buyers, *others)
    columns = {measure: quintile(measure) for measure in MEASURES}
    seen = by_person(with_everybody(rows, rows, conf).withColumns(columns))
    assert [seen[f"b{n}"]["monetary"] for n in range(10)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [seen[f"b{n}"]["recency"] for n in range(10)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [seen[f"b{n}"]["frequency"] for n in range(10)] == [1] * 7 + [4, 5, 5]
    assert {seen[f"o{n}"][measure] for n in range(90) for measure in MEASURES} == {None}


def test_what_is_imputed_is_said(spark: SparkSession, conf: ProfilesSettings) -> None:
    rows = profiles(
        spark,
        ("a", 0, 0.0, None, {"age": "35-44", "kids": "1"}),
        ("b", 0, 0.0, None, {"age": "35-44", "kids": "2", "home": "rented"}),
        ("c", 0, 0.0, None, {"age": "19-24", "kids": "9", "home": "own"}),
        ("d", 0, 0.0, None, {"kids": "many"}),
        ("e", 0, 0.0, None, {}),
    )
    own = conf.model_copy(update={"impute": {"age": "commonest", "kids": "median", "none": "commonest"}})
    made = with_everybody(rows, rows, own).withColumn("imputed", imputed()).withColumn("attributes", with_imputed())
    seen = by_person(made)
    assert (seen["d"]["attributes"], seen["d"]["imputed"]) == ({"age": "35-44", "kids": "many"}, ["age"])
    assert (seen["e"]["attributes"], seen["e"]["imputed"]) == ({"age": "35-44", "kids": "2"}, ["age", "kids"])
    assert seen["b"]["attributes"] == {"age": "35-44", "home": "rented", "kids": "2"} and seen["b"]["imputed"] == []


def test_behaviour_has_a_number_for_each_name(spark: SparkSession, conf: ProfilesSettings) -> None:
    own = conf.model_copy(update={"encode": {"age": ("19-24", "35-44")}})
    columns = (
        "sessions long, recent_sessions long, steps long, recent_actions long, baskets long, items long, spend double,"
        " mean_basket double, mean_price double, discount_share double, hours map<int, double>,"
        " weekdays map<int, double>, devices map<string, double>, categories map<string, double>,"
        " favourite_category string, attributes map<string, string>"
    )
    shares = ({5: 0.25, 6: 0.25, 23: 0.5}, {1: 0.5, 6: 0.25, 7: 0.25}, {"app": 1.0}, {"Shoes": 0.75})
    buyer = (4, 2, 10, 3, 2, 3, 30.0, 15.0, 10.0, 0.1, *shares, "Shoes", {"age": "35-44"})
    nobody = (0, 0, 0, 0, 0, 0, 0.0, None, None, None, {}, {}, {}, {}, None, {})
    rows = spark.createDataFrame([buyer, nobody], columns).select(behaviour(own)).collect()
    named = dict(zip(component_names(own), rows[0][0], strict=True))
    expected = {"sessions": 4, "steps_per_session": 2.5, "actions_per_session": 1.5, "spend": 30, "share_night": 0.25}
    expected |= {"share_morning": 0.25, "share_afternoon": 0, "share_evening": 0.5, "share_weekend": 0.5}
    expected |= {"share_app": 1, "share_mobile": 0, "share_of_favourite_category": 0.75, "attribute_age": 1}
    assert {name: named[name] for name in expected} == expected
    assert set(rows[1][0][:-1]) == {0.0} and rows[1][0][-1] == -1, "what is not known"


def test_a_sum_is_the_same_in_any_order(spark: SparkSession) -> None:
    numbers = [(0.1,), (0.2,), (0.3,), (1e9,), (-1e9,)] * 20
    sums = {
        spark.createDataFrame(order, "n double").coalesce(1).select(exact_sum(exact(F.col("n")))).collect()[0][0]
        for order in (numbers, sorted(numbers), sorted(numbers, reverse=True))
    }
    assert sums == {12.0}

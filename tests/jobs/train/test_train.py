"""What the training jobs add to the models: the gate's cases, a champion's recipe, and features as numbers."""

from dataclasses import asdict
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.champions import contest, training
from jobs.gold import features
from jobs.settings.loading import Settings
from models.params import AlsParams


def judged(**figures: float) -> dict[str, Any]:
    return {name: {"new": {"ndcg@10": figure}} for name, figure in figures.items()}


@pytest.mark.parametrize(
    ("figures", "promoted"),
    [
        ({"als": 0.3, "popularity": 0.2, "frequency": 0.1}, True),
        ({"als": 0.2, "popularity": 0.2, "frequency": 0.1}, False),  # a draw with a baseline
        ({"als": 0.3, "popularity": 0.2, "frequency": 0.1, "champion": 0.4}, False),  # the other recipe is better
        ({"als": 0.3, "popularity": 0.2, "frequency": 0.1, "champion": 0.25}, True),
        ({"als": float("nan"), "popularity": 0.2, "frequency": 0.1}, False),
    ],
)
def test_the_gate_promotes_only_a_winner(figures: dict[str, float], promoted: bool, settings: Settings) -> None:
    rules = settings.evaluation.model_copy(update={"metric": "new.ndcg@10", "min_gain": 0.0})
    decision = contest.decide("als", judged(**figures), rules)
    assert decision.promoted is promoted
    assert decision.reasons


def test_a_recipe_survives_the_registry() -> None:
    params = AlsParams(rank=7, alpha=2.5)
    logged = {name: str(value) for name, value in asdict(params).items()}
    assert training.recipe_of(logged, AlsParams()) == params


def test_the_largest_categories_and_brands_become_columns(spark: SparkSession) -> None:
    rows = [
        ("p", 1.0, {"FRESH MEAT": 0.75, "DAIRY": 0.2, "dairy": 0.05}, {"O`Brien": 1.0}),
        ("q", 2.0, {"DAIRY": 1.0}, {}),
    ]
    numbers = ", ".join(f"1.0 AS {name}" for name in features.NUMBERS if name != "spend")
    columns = "person_id string, spend double, categories map<string, double>, brands map<string, double>"
    people = spark.createDataFrame(rows, columns).selectExpr("*", *numbers.split(", "))
    categories, brands = features.largest(people, "category", 2), features.largest(people, "brand", 9)
    assert (categories, brands) == (["DAIRY", "FRESH MEAT"], ["O`Brien"]), "to Spark DAIRY and dairy are one column"
    by_person = {row["person_id"]: row for row in features.as_numbers(people, categories, brands).collect()}
    assert by_person["p"]["category:FRESH MEAT"] == 0.75 and by_person["q"]["category:FRESH MEAT"] == 0.0
    assert by_person["q"]["category:DAIRY"] == 1.0 and by_person["p"]["brand:OBrien"] == 1.0

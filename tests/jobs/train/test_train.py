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


def test_departments_become_columns(spark: SparkSession) -> None:
    rows = [("p", 1.0, {"FRESH MEAT": 0.75, "DAIRY": 0.25}), ("q", 2.0, {"DAIRY": 1.0})]
    numbers = ", ".join(f"1.0 AS {name}" for name in features.NUMBERS if name != "spend")
    frame = spark.createDataFrame(rows, "person_id string, spend double, departments map<string, double>")
    people = frame.selectExpr("*", *numbers.split(", "))
    departments = features.largest_departments(people)
    assert departments == ["DAIRY", "FRESH MEAT"]
    by_person = {row["person_id"]: row for row in features.as_numbers(people, departments).collect()}
    assert (by_person["p"]["dept_fresh_meat"], by_person["q"]["dept_fresh_meat"], by_person["q"]["dept_dairy"]) == (
        0.75,
        0.0,
        1.0,
    )

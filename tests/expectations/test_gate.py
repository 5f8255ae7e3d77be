"""The gate on small frames of gold.ratings: what it says, and that it never lets pass what it could not check."""

from datetime import UTC, datetime

import great_expectations.expectations as gxe
import pytest
from great_expectations.execution_engine import SparkDFExecutionEngine
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations import gate
from expectations.custom_expectations import ExpectKeyToBeUnique
from expectations.errors import GateFailed, MissingSuite
from expectations.gate import Outcome, check, names, require
from expectations.schemas import TABLES
from expectations.suites import SUITES, suite_for

AT = datetime(2017, 3, 1, tzinfo=UTC)
HOLDS = Outcome("expect_rows_to_satisfy", "a <= b", True, None, 0, 9)
FAILS = Outcome("expect_column_values_to_be_between", "weight", False, None, 17, 2_104_332)
EMPTY = Outcome("expect_table_row_count_to_be_between", None, False, "0", None, 0)


def ratings(spark: SparkSession, *weights: float) -> DataFrame:
    rows = [(f"person-{n}", f"item-{n}", weight, 1, AT) for n, weight in enumerate(weights)]
    return spark.createDataFrame(rows, TABLES["gold.ratings"].ddl)


def failed(outcomes: list[Outcome]) -> dict[tuple[str, str | None], Outcome]:
    return {(o.expectation, o.column): o for o in outcomes if not o.success}


@pytest.mark.parametrize(
    ("reason", "outcomes", "line"),
    [
        ("all hold", [HOLDS], None),
        (
            "one fails",
            [HOLDS, FAILS],
            "gate t: 1 of 2 expectations failed: expect_column_values_to_be_between weight (17 of 2,104,332)",
        ),
        (
            "two fail",
            [EMPTY, FAILS],
            "gate t: 2 of 2 expectations failed: expect_table_row_count_to_be_between (0), "
            "expect_column_values_to_be_between weight (17 of 2,104,332)",
        ),
        ("nothing was checked", [], "gate t: no expectation was checked"),
    ],
)
def test_the_line_names_what_failed_and_how_often(reason: str, outcomes: list[Outcome], line: str | None) -> None:
    if line is None:
        require(outcomes, "t")
    else:
        with pytest.raises(GateFailed) as raised:
            require(outcomes, "t")
        assert str(raised.value) == line, reason


def test_outcomes_stand_in_the_order_of_the_suite(spark: SparkSession) -> None:
    outcomes = check(ratings(spark, 0.5, -0.5), "gold.ratings", max_examples=0)
    assert [o.expectation for o in outcomes] == [e.expectation_type for e in suite_for("gold.ratings").expectations]
    assert {o.rows for o in outcomes} == {2}
    assert [o.unexpected for o in outcomes if o.success and o.column is not None] == [0] * (len(outcomes) - 3)


@pytest.mark.parametrize(("max_examples", "observed"), [(0, None), (1, "such as -0.5"), (5, "such as -0.5, -1.5")])
def test_examples_are_as_many_as_allowed(spark: SparkSession, max_examples: int, observed: str | None) -> None:
    outcomes = failed(check(ratings(spark, -0.5, 1.0, -1.5), "gold.ratings", max_examples))
    assert [(o.unexpected, o.observed) for o in outcomes.values()] == [(2, observed)]


def test_an_id_is_never_quoted(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    of_ids = [
        gxe.ExpectColumnValuesToBeInSet(column="person_id", value_set=["somebody"]),
        ExpectKeyToBeUnique(key=["item_id"]),
    ]
    monkeypatch.setitem(SUITES, "gold.ratings", lambda: of_ids)
    twice = ratings(spark, 0.5).unionAll(ratings(spark, 0.5))
    outcomes = failed(check(twice, "gold.ratings", max_examples=5))
    assert {column: (o.unexpected, o.observed) for (_, column), o in outcomes.items()} == {
        "person_id": (2, None),
        "item_id": (2, None),
    }


def test_the_library_says_nothing_by_itself(
    spark: SparkSession, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """No progress bars, no logged traceback of what the outcomes tell."""
    check(ratings(spark, 1.0).drop("weight"), "gold.ratings", max_examples=0)
    assert "Metrics" not in "".join(capfd.readouterr())
    assert [record.message for record in caplog.records if record.name.startswith("great_expectations")] == []


def test_an_empty_table_fails(spark: SparkSession) -> None:
    outcomes = failed(check(ratings(spark, 1.0).limit(0), "gold.ratings", max_examples=0))
    assert [(o.expectation, o.observed) for o in outcomes.values()] == [(EMPTY.expectation, "0")]


@pytest.mark.parametrize(
    ("reason", "columns", "observed"),
    [
        ("one more", [*TABLES["gold.ratings"].names, "extra"], "has extra"),
        ("another order", list(reversed(TABLES["gold.ratings"].names)), "in another order"),
    ],
)
def test_columns_are_exact_and_in_order(spark: SparkSession, reason: str, columns: list[str], observed: str) -> None:
    frame = ratings(spark, 1.0).withColumn("extra", F.lit(1)).select(*columns)
    outcomes = failed(check(frame, "gold.ratings", max_examples=0))
    assert {key: o.observed for key, o in outcomes.items()} == {("expect_columns_to_be", None): observed}, reason


def test_what_cannot_be_computed_fails_with_its_first_line(spark: SparkSession) -> None:
    outcomes = failed(check(ratings(spark, 1.0).drop("weight"), "gold.ratings", max_examples=5))
    assert outcomes["expect_columns_to_be", None].observed == "lacks weight"
    between = outcomes["expect_column_values_to_be_between", "weight"]
    assert between.unexpected is None
    assert between.observed is not None
    assert between.observed.startswith("could not be checked: ")
    assert "weight" in between.observed
    assert "\n" not in between.observed


def test_a_value_in_an_error_is_not_quoted(spark: SparkSession, capfd: pytest.CaptureFixture[str]) -> None:
    """ANSI arithmetic stops at a value that it cannot cast, and both its message and its log say the value."""
    malformed = F.concat(F.lit("secret'ly "), "item_id").cast("double")
    outcomes = failed(check(ratings(spark, 1.0).withColumn("weight", malformed), "gold.ratings", max_examples=5))
    observed = outcomes["expect_column_values_to_be_between", "weight"].observed
    assert observed is not None
    assert "CAST_INVALID_INPUT" in observed
    assert not any("ly item" in (o.observed or "") for o in outcomes.values())
    assert "ly item" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("error", [RuntimeError("the engine broke"), KeyError("x")])
def test_an_error_inside_the_library_fails_closed(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(SparkDFExecutionEngine, "resolve_metric_bundle", broken)
    outcomes = failed(check(ratings(spark, 1.0), "gold.ratings", max_examples=0))
    assert ("expect_column_values_to_be_between", "weight") in outcomes
    with pytest.raises(GateFailed, match="could not be checked"):
        require(list(outcomes.values()), "gold.ratings")


def test_an_expectation_without_a_result_fails(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_results", lambda *_: {})
    outcomes = check(ratings(spark, 1.0), "gold.ratings", max_examples=0)
    assert {(o.success, o.observed) for o in outcomes} == {(False, "could not be checked: no result")}


def test_a_table_without_a_suite_is_not_passed(spark: SparkSession) -> None:
    with pytest.raises(MissingSuite, match=r"gate ops\.quality: no suite"):
        check(ratings(spark, 1.0), "ops.quality", max_examples=0)
    assert "ops.quality" not in names()

"""Every suite: a good frame passes; one broken row for each reason fails the expectation that is meant for it."""

from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from expectations.errors import MissingSuite
from expectations.gate import check
from expectations.schemas import TABLES
from expectations.suites import MAY_BE_EMPTY, SUITES, suite_for
from tests.expectations.suite_cases import CASES
from tests.expectations.suite_cases.case import NOT_NULL, UNIQUE, Broken, Case


def row(case: Case, number: int, change: dict[str, Any]) -> dict[str, Any]:
    own = {column: f"{case.good[column]}-{number}" for column in case.key if column in case.good}
    return {**case.good, **own, **change}


def frame(spark: SparkSession, name: str, rows: list[dict[str, Any]]) -> DataFrame:
    table = TABLES[name]
    return spark.createDataFrame([tuple(row.get(column) for column in table.names) for row in rows], table.ddl)


def failing(spark: SparkSession, name: str, rows: list[dict[str, Any]]) -> dict[tuple[str, str | None], int | None]:
    outcomes = check(frame(spark, name, rows), name, max_examples=0)
    return {(o.expectation, o.column): o.unexpected for o in outcomes if not o.success}


def named(name: str, expectation: str, part: str) -> tuple[str, str]:
    """The one expectation of the suite that has this type, and this column or this part in its rule."""
    faults = []
    for candidate in suite_for(name).expectations:
        kwargs = candidate.configuration.kwargs
        where = str(kwargs.get("column") or kwargs.get("rule"))
        is_it = where == part or ("rule" in kwargs and part in where)
        if candidate.expectation_type == expectation and is_it:
            faults.append((expectation, where))
    assert len(faults) == 1, f"{name}: {expectation} {part} names {faults}"
    return faults[0]


def test_every_case_has_a_suite_and_every_suite_a_case() -> None:
    assert set(CASES) == set(SUITES)


@pytest.mark.parametrize("name", [name for name in TABLES if name != "ops.quality"])
def test_every_table_has_a_suite(name: str) -> None:
    assert name in SUITES


@pytest.mark.parametrize("name", CASES)
def test_good_rows_pass(spark: SparkSession, name: str) -> None:
    case = CASES[name]
    assert failing(spark, name, [row(case, number, {}) for number in range(3)]) == {}


@pytest.mark.parametrize("name", CASES)
def test_each_reason_fails_what_is_meant_for_it(spark: SparkSession, name: str) -> None:
    """One broken row for each reason in one frame: the failing expectations and their counts, and no other."""
    case = CASES[name]
    keys = [e.configuration.kwargs["key"] for e in suite_for(name).expectations if e.expectation_type == UNIQUE]
    required = [column for column in dict.fromkeys([*case.nothing, *(keys[0] if keys else ())])]
    missing = [
        Broken(f"no {column}", {column: None}, ((NOT_NULL, column),))
        for column in required
        if column not in case.nullable
    ]
    # The first row stands there twice.
    expected: dict[tuple[str, str | None], int | None] = {(UNIQUE, ", ".join(key)): 2 for key in keys}
    rows = [row(case, 0, {}), row(case, 0, {})]
    for broken in [*case.broken, *missing]:
        rows.append(row(case, len(rows), broken.change))
        for expectation, part in broken.breaks:
            at = named(name, expectation, part)
            expected[at] = None if "unique_value_count" in expectation else (expected.get(at) or 0) + 1
    assert failing(spark, name, rows) == expected


def test_an_item_in_both_slots_fails(spark: SparkSession) -> None:
    case = CASES["gold.recommendations"]
    both = [row(case, 0, {"slot": slot}) for slot in ("again", "discover")]
    assert failing(spark, "gold.recommendations", both) == {(UNIQUE, "version, person_id, item_id"): 2}


@pytest.mark.parametrize("name", CASES)
def test_a_suite_starts_with_rows_and_columns(name: str) -> None:
    first, second, *_ = suite_for(name).expectations
    if name not in MAY_BE_EMPTY:
        assert first.expectation_type == "expect_table_row_count_to_be_between"
        first = second
    assert first.configuration.kwargs["columns"] == list(TABLES[name].names)


def test_no_suite_is_an_error_that_names_the_table() -> None:
    with pytest.raises(MissingSuite, match=r"gate ops\.quality: no suite"):
        suite_for("ops.quality")

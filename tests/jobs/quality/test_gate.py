"""quality.gate on real Delta tables."""

import logging
from datetime import UTC, datetime

import pytest

from expectations.errors import GateFailed, MissingSuite
from expectations.schemas import TABLES
from jobs import job
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.quality import gate

AT = datetime(2018, 1, 1, 4, 2, tzinfo=UTC)


def build(lake: Lake, name: str, *rows: tuple[object, ...]) -> None:
    tables.overwrite(lake, name, lake.spark.createDataFrame(list(rows), TABLES[name].ddl))


def build_ratings(lake: Lake, weight: float) -> None:
    build(lake, "gold.ratings", ("900", "i", weight, 1, AT), ("901", "i", 1.0, 0, AT))


def build_catalog(lake: Lake, *ids: str) -> None:
    build(lake, "bronze.catalog", *((id_, *[None] * 12, 1, AT) for id_ in ids))


def verdicts(lake: Lake) -> dict[tuple[str, int], tuple[int, int]]:
    """(table, version): expectations recorded, and failed."""
    rows = tables.read(lake, "ops.quality").collect()
    assert all(row.checked_at.replace(tzinfo=UTC) == AT or row.checked_at.astimezone(UTC) == AT for row in rows)
    counts: dict[tuple[str, int], tuple[int, int]] = {}
    for row in rows:
        total, failed = counts.get((row.table_name, row.table_version), (0, 0))
        counts[row.table_name, row.table_version] = total + 1, failed + (not row.success)
    return counts


def test_good_tables_pass_and_are_recorded(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    build_catalog(lake, "1", "2")
    build_ratings(lake, 0.5)
    with caplog.at_level(logging.INFO, logger=gate.__name__):
        gate.main(lake, job.Options(AT))
    recorded = verdicts(lake)
    versions = tables.versions(lake, ["bronze.catalog", "gold.ratings"])
    assert {key: failed for key, (_, failed) in recorded.items()} == {item: 0 for item in versions.items()}
    assert all(total > 3 for total, _ in recorded.values())
    messages = [record.message for record in caplog.records if record.name == gate.__name__]
    assert [message.split(" version")[0] for message in messages] == ["bronze.catalog", "gold.ratings"]


def test_every_table_is_checked_and_recorded_before_the_job_fails(lake: Lake) -> None:
    build_catalog(lake, "1", "1", "2")
    build_ratings(lake, -0.5)
    with pytest.raises(GateFailed) as raised:
        gate.gate(lake, [], AT)
    first, second = str(raised.value).split("; gate ")
    assert first.endswith("expect_key_to_be_unique landing, item_id (2 of 3)")
    assert second.startswith("gold.ratings: 1 of ")
    assert "expect_column_values_to_be_between weight (1 of 2; such as -0.5)" in second
    row = tables.read(lake, "ops.quality").where("not success and table_name = 'gold.ratings'").collect()[0]
    assert (row.expectation, row.column_name, row.unexpected, row.rows) == (
        "expect_column_values_to_be_between",
        "weight",
        1,
        2,
    )
    assert {name: failed for (name, _), (_, failed) in verdicts(lake).items()} == {
        "bronze.catalog": 1,
        "gold.ratings": 1,
    }


def test_only_named_tables_are_checked(lake: Lake) -> None:
    build_catalog(lake, "1")
    build_ratings(lake, -0.5)
    gate.main(lake, job.Options(AT, tables=("bronze.catalog",)))
    assert {name for name, _ in verdicts(lake)} == {"bronze.catalog"}


@pytest.mark.parametrize(
    ("reason", "names", "error", "message"),
    [
        (
            "not built",
            ["bronze.catalog", "gold.ratings"],
            OperatorError,
            "table gold.ratings is not built yet",
        ),
        ("no such table", ["gold.rating"], OperatorError, "no table gold.rating"),
        ("no suite", ["bronze.catalog", "ops.quality"], MissingSuite, "gate ops.quality: no suite"),
    ],
)
def test_what_cannot_be_checked_is_refused_before_anything_is(
    lake: Lake,
    reason: str,
    names: list[str],
    error: type[Exception],
    message: str,
) -> None:
    build_catalog(lake, "1")
    with pytest.raises(error, match=message):
        gate.gate(lake, names, AT)
    assert not tables.exists(lake, "ops.quality"), reason


def test_an_empty_lake_does_not_pass(lake: Lake) -> None:
    with pytest.raises(OperatorError, match="no table to check is built yet"):
        gate.gate(lake, [], AT)

"""ops.daily_quality on real tables: a day measured, again, and the days that are due."""

from datetime import UTC, date, datetime, timedelta

import pytest
from pyspark.sql import functions as F
from typer.testing import CliRunner

from expectations.schemas import TABLES
from jobs import job
from jobs.commands.app import app
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.ops import daily_quality
from tests.jobs.watch.days import DAY, REJECTED, at, event, events

NEXT_MORNING = datetime(2026, 3, 3, 4, tzinfo=UTC)


def keep(lake: Lake, views: int) -> None:
    rows = [event("product_view", at(DAY), price=float(n)) for n in range(views)]
    empty = lake.spark.createDataFrame([], TABLES["silver.events"].ddl)
    views_only = events(lake.spark, rows).withColumn("payload", F.col("payload").dropFields("lines"))
    tables.append(lake, "silver.events", empty.unionByName(views_only, allowMissingColumns=True))


def volumes(lake: Lake) -> dict[tuple[date, str], float]:
    rows = tables.read(lake, daily_quality.TABLE).where("measure = 'volume' AND value > 0").collect()
    return {(row["day"], row["event_type"]): row["value"] for row in rows}


@pytest.mark.usefixtures("lake_in_session")
def test_a_day_is_measured_when_it_is_over_and_again_replaces_it(lake: Lake) -> None:
    keep(lake, 3)
    turned_away = lake.spark.createDataFrame([("purchase", at(DAY))], REJECTED)
    empty = lake.spark.createDataFrame([], TABLES["quarantine.events"].ddl)
    tables.append(lake, "quarantine.events", turned_away.unionByName(empty, allowMissingColumns=True))
    daily_quality.main(lake, job.Options(NEXT_MORNING))
    once = tables.read(lake, daily_quality.TABLE).count()
    assert volumes(lake) == {(DAY, "product_view"): 3, (DAY, "purchase"): 1}

    keep(lake, 2)  # cleaned late
    result = CliRunner().invoke(app, ["quality", "measure", "--since", "2026-03-02", "--until", "2026-03-02"])
    assert result.exit_code == 0, result.output
    assert volumes(lake) == {(DAY, "product_view"): 5, (DAY, "purchase"): 1}
    assert tables.read(lake, daily_quality.TABLE).count() == once

    assert daily_quality.due(lake, NEXT_MORNING) == [DAY]
    later = [DAY + timedelta(days=n) for n in (1, 2, 3)]
    assert daily_quality.due(lake, NEXT_MORNING + timedelta(days=3)) == later
    month = daily_quality.due(lake, NEXT_MORNING + timedelta(days=30))
    assert len(month) == lake.settings.watch.catch_up_days and month[-1] == DAY + timedelta(days=30)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--since", "monday"], "error: 'monday' is not a moment; write it as 2026-03-01 or"),
        (["--since", "2026-03-02", "--until", "2026-03-01"], "error: no day from 2026-03-02 to 2026-03-01"),
    ],
)
def test_days_that_cannot_be_meant_are_one_line(words: list[str], line: str) -> None:
    result = CliRunner().invoke(app, ["quality", "measure", *words])
    assert result.exit_code == 1 and result.output.startswith(line) and result.output.count("\n") == 1

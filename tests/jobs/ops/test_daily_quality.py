"""ops.daily_quality on real tables: a day measured, again, and the days that are due."""

from datetime import UTC, date, datetime, timedelta

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from typer.testing import CliRunner

from expectations.schemas import TABLES
from jobs import job
from jobs.commands.app import app
from jobs.lake import tables
from jobs.ops import daily_quality
from jobs.settings.loading import Settings
from tests.jobs.watch.days import DAY, REJECTED, at, event, events

NEXT_MORNING = datetime(2026, 3, 3, 4, tzinfo=UTC)


def keep(spark: SparkSession, views: int) -> None:
    rows = [event("product_view", at(DAY), price=float(n)) for n in range(views)]
    empty = spark.createDataFrame([], TABLES["silver.events"].ddl)
    views_only = events(spark, rows).withColumn("payload", F.col("payload").dropFields("lines"))
    tables.append(empty.unionByName(views_only, allowMissingColumns=True), "silver.events")


def volumes(spark: SparkSession) -> dict[tuple[date, str], float]:
    rows = tables.read(spark, daily_quality.TABLE).where("measure = 'volume' AND value > 0").collect()
    return {(row["day"], row["event_type"]): row["value"] for row in rows}


def test_a_day_is_measured_when_it_is_over_and_again_replaces_it(
    lake: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(lake, 3)
    turned_away = lake.createDataFrame([("purchase", at(DAY))], REJECTED)
    empty = lake.createDataFrame([], TABLES["quarantine.events"].ddl)
    tables.append(turned_away.unionByName(empty, allowMissingColumns=True), "quarantine.events")
    daily_quality.main(settings, job.Options(NEXT_MORNING))
    once = tables.read(lake, daily_quality.TABLE).count()
    assert volumes(lake) == {(DAY, "product_view"): 3, (DAY, "purchase"): 1}

    keep(lake, 2)  # cleaned late
    said = CliRunner().invoke(app, ["quality", "measure", "--since", "2026-03-02", "--until", "2026-03-02"])
    assert said.exit_code == 0, said.output
    assert volumes(lake) == {(DAY, "product_view"): 5, (DAY, "purchase"): 1}
    assert tables.read(lake, daily_quality.TABLE).count() == once

    watch = settings.watch
    assert daily_quality.due(lake, NEXT_MORNING, watch) == [DAY]
    later = [DAY + timedelta(days=n) for n in (1, 2, 3)]
    assert daily_quality.due(lake, NEXT_MORNING + timedelta(days=3), watch) == later
    month = daily_quality.due(lake, NEXT_MORNING + timedelta(days=30), watch)
    assert len(month) == watch.catch_up_days and month[-1] == DAY + timedelta(days=30)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--since", "monday"], "error: 'monday' is not a day; write it as 2026-03-01"),
        (["--since", "2026-03-02", "--until", "2026-03-01"], "error: no day from 2026-03-02 to 2026-03-01"),
    ],
)
def test_days_that_cannot_be_meant_are_one_line(words: list[str], line: str) -> None:
    said = CliRunner().invoke(app, ["quality", "measure", *words])
    assert said.exit_code == 1 and said.output.startswith(line) and said.output.count("\n") == 1

"""What a job says of itself: how far it is while it works, and what it read and wrote on its last line."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark import SparkContext
from typer.testing import CliRunner

from expectations.schemas import TABLES
from jobs import job_progress, job_report
from jobs.commands.app import app
from jobs.job_report import JobReport, TableRows
from jobs.lake import commits, places, tables
from jobs.lake.lake import Lake
from tests.conftest import SHORT_LIVED_JVM
from tests.events import event, received
from tests.terminal import on_terminal

SHOWN = """
import time
from expectations.schemas import TABLES
from jobs import job_progress, output
from jobs.job_progress import Tasks

output.log_to_stderr()
job_progress.BAR_SECONDS = job_progress.LINE_SECONDS = 0.2
job_progress._tasks = lambda: Tasks(30, 40)
with job_progress.shown("gold.ratings"):
    time.sleep(1)
"""


@pytest.mark.usefixtures("lake_in_session")
def test_the_last_line_has_what_a_job_read_and_wrote(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    messages = [event("purchase", event_id=one, user_id="9") for one in ("a", "a", "b")]
    messages.append(event("purchase", event_id="broken", user_id="9", occurred_at="yesterday"))
    tables.append(lake, "bronze.events", received(lake.spark, messages))
    tables.create(lake, "silver.crm")
    with caplog.at_level(logging.INFO):
        run = CliRunner().invoke(app, ["run", "silver.events", "silver.interactions", "silver.people", "--json"])
    assert run.exit_code == 0, run.output
    events, interactions, people = json.loads(run.stdout)
    assert (events["job"], events["read"]) == (
        "silver.events",
        [{"table": "bronze.events", "rows": 4, "version": None}],
    )
    assert {one["table"]: one["rows"] for one in events["wrote"]} == {
        "silver.events": 2,
        "quarantine.events": 1,
        "ops.ledger": 1,
    }
    assert interactions["read"] == [{"table": "silver.events", "rows": 2, "version": None}]
    assert interactions["wrote"][0]["rows"] == tables.read(lake, "silver.interactions").count() == 4
    at = tables.version(lake, "silver.events")
    assert people["read"] == [
        {"table": "silver.events", "rows": 2, "version": at},
        {"table": "silver.crm", "rows": 0, "version": 0},
    ]
    assert people["wrote"] == [{"table": "silver.people", "rows": 1, "version": tables.version(lake, "silver.people")}]
    assert (
        f"read silver.events 2 rows (version {at}), silver.crm 0 rows (version 0); wrote silver.people 1 rows"
        in caplog.text
    )
    tables.append(lake, "bronze.events", received(lake.spark, [event("purchase", event_id="c")], first_offset=4))
    again = CliRunner().invoke(app, ["run", "silver.events", "silver.interactions", "--json"])
    assert [one["read"][0]["rows"] for one in json.loads(again.stdout)] == [1, 1]
    assert [one["seconds"] > 0 for one in (events, interactions, people)] == [True] * 3


def test_what_others_change_is_counted_by_the_operation(lake: Lake) -> None:
    """Joining files, and cleaning up behind, changes no row."""
    columns = ", ".join(f"{name} {type_}" for name, type_ in TABLES["silver.people"].types.items())
    tables.append(lake, "silver.people", lake.spark.createDataFrame([(one, *[None] * 5) for one in "12"], columns))
    before = job_report.versions(lake, ["silver.people", "gold.ratings", "kafka"])
    assert {name: at >= 0 for name, at in before.items()} == {"silver.people": True, "gold.ratings": False}
    table = tables.delta(lake, "silver.people")
    table.optimize().executeCompaction()
    table.update("user_id = '1'", {"user_id": "'3'"})
    table.delete("user_id = '2'")
    assert job_report.rows_written(lake, before) == (
        TableRows("silver.people", 2, tables.version(lake, "silver.people")),
    )


def test_a_report_fails_no_job_that_has_done_its_work(lake: Lake) -> None:
    """A table that the job itself brought to this release's columns, and a commit that the log has no more."""
    place = Path(places.table(lake.root, "silver.people"))
    lake.spark.range(3).withColumnRenamed("id", "former").write.format("delta").save(str(place))
    assert job_report.rows_to_read(lake, ["silver.people", "kafka"]) == (TableRows("silver.people", 3, 0),)
    lake.spark.range(1).withColumnRenamed("id", "former").write.format("delta").mode("append").save(str(place))
    (place / "_delta_log" / f"{1:020d}.json").rename(place / "gone.json")
    (place / "_delta_log" / f".{1:020d}.json.crc").unlink()
    assert commits.rows_written(lake, "silver.people", 0) == 3
    assert commits.rows_written(lake, "silver.people", 1) == 0


def test_a_line_that_people_read() -> None:
    read, wrote = (TableRows("silver.interactions", 820066, 12),), (TableRows("gold.ratings", 9, 3),)
    assert str(JobReport("gold.ratings", 4.24, read, wrote)) == (
        "gold.ratings: 4.2 s; read silver.interactions 820,066 rows (version 12); wrote gold.ratings 9 rows (version 3)"
    )
    assert str(JobReport("ops.alerts", 1.0, (), ())) == "ops.alerts: 1.0 s"


def test_how_far_a_job_is_stands_on_a_bar_or_in_lines() -> None:
    seen = on_terminal([sys.executable, "-c", SHOWN], 100)
    assert "gold.ratings" in seen and "75%" in seen
    run = subprocess.run([sys.executable, "-c", SHOWN], capture_output=True, text=True, check=True)
    assert run.stdout == "" and "gold.ratings: 0 s, 30 of 40 tasks of what runs now" in run.stderr


def test_on_a_terminal_sparks_start_is_waited_for(tmp_path: Path) -> None:
    """Twice a second the bar asks a context that is not there yet, or half there."""
    command = [Path(sys.executable).with_name("lakehouse"), "run", "silver.people"]
    seen = on_terminal(command, 100, {"LAKEHOUSE_HOME": str(tmp_path), **SHORT_LIVED_JVM})
    assert "silver.people: starting" in seen and "Traceback" not in seen, seen
    assert seen.splitlines()[-1].startswith("error: table silver.events is not built yet")


@pytest.mark.parametrize("context", [None, SparkContext.__new__(SparkContext)], ids=["none", "half there"])
def test_nothing_is_said_where_spark_is_not_there(
    monkeypatch: pytest.MonkeyPatch, context: SparkContext | None
) -> None:
    monkeypatch.setattr("pyspark.SparkContext._active_spark_context", context)
    assert job_progress._tasks() is None

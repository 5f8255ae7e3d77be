"""One real run of every DAG: Airflow submits, the project's Spark works, the lake and Redis move on."""

import json
import sqlite3
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import redis
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.local import app_zip, demo, scheduler
from tests.conftest import SmallLake
from tests.dags.conftest import run_inside

pytestmark = [pytest.mark.airflow, pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(900)]

ORDER = ("validate_lake", "retrain_models", "publish_recommendations")
LEARNED = ("gold.ratings", "gold.features", "gold.segments", "gold.profiles", "gold.person_factors")
DECIDED = ("gold.recommendations", "gold.fallbacks")
# Not the demo's moment: the version of recommendations is named after it.
LATER = timedelta(hours=1)


@dataclass(frozen=True)
class Runs:
    """Each DAG's run, in the order that assets start them, and what the lake and Redis were before them."""

    dags: dict[str, Any]
    log: str
    versions: dict[str, int]
    current: str


@pytest.fixture(scope="module")
def runs(small_lake: SmallLake, dags: dict[str, Any], spark: SparkSession) -> Runs:
    settings = small_lake.settings
    variables = {**scheduler.environment(settings), **small_lake.environment}
    home = settings.home / "airflow"
    home.mkdir()
    migrate = [settings.project / ".venv-airflow" / "bin" / "airflow", "db", "migrate"]
    subprocess.run(migrate, env=variables, check=True, capture_output=True)
    app_zip.build(settings.project, settings.project / "dist" / "app.zip")
    before = tables.versions(spark, (*LEARNED, *DECIDED))
    current = pointer(small_lake)
    found = run_inside(variables, home / "run.json", "run", json.dumps({"as_of": as_of(small_lake)}), *ORDER)
    log = found.pop("log")
    return Runs(found, log, before, current)


def as_of(lake: SmallLake) -> str:
    return (lake.as_of + LATER).isoformat()


def pointer(lake: SmallLake) -> str:
    client = redis.Redis.from_url(lake.settings.redis.url, decode_responses=True)
    return str(client.get(f"{lake.settings.redis.prefix}:current"))


def unmoved(runs: Runs, spark: SparkSession, names: Iterable[str]) -> list[str]:
    """The tables among `names` that no run wrote to."""
    return [name for name, version in tables.versions(spark, names).items() if version <= runs.versions[name]]


def test_every_step_succeeds(runs: Runs, dags: dict[str, Any]) -> None:
    assert runs.dags == {
        dag_id: {"state": "success", "steps": dict.fromkeys(dags[dag_id]["steps"], "success")} for dag_id in ORDER
    }


def test_what_airflow_submitted_is_what_is_committed(runs: Runs, dags: dict[str, Any], small_lake: SmallLake) -> None:
    project = small_lake.settings.project
    commands = [" ".join(command) for dag_id in ORDER for command in dags[dag_id]["commands"].values()]
    expected = [
        command.partition(" spark-submit ")[2]
        .replace("/lakehouse/", f"{project}/")
        .replace("2026-01-02T03:00:00+00:00", as_of(small_lake))
        for command in commands
    ]
    said = [line.partition("Spark-Submit cmd: spark-submit ")[2] for line in runs.log.splitlines()]
    assert sorted(line.partition(" [")[0] for line in said if line) == sorted(expected)


def test_validate_lake_keeps_what_the_gate_found(runs: Runs, small_lake: SmallLake, spark: SparkSession) -> None:
    kept = tables.read(spark, "ops.quality").where(F.col("checked_at") == F.lit(small_lake.as_of + LATER))
    checked = {row["table_name"] for row in kept.select("table_name").distinct().collect()}
    assert set(demo.CLEAN) <= checked


def test_retrain_models_learns_anew(runs: Runs, spark: SparkSession) -> None:
    assert unmoved(runs, spark, LEARNED) == []


def test_publish_recommendations_flips_to_a_new_version(runs: Runs, small_lake: SmallLake, spark: SparkSession) -> None:
    assert unmoved(runs, spark, DECIDED) == []
    current = pointer(small_lake)
    written = tables.read(spark, "gold.recommendations")
    assert [row["version"] for row in written.select("version").distinct().collect()] == [current]
    assert runs.current != current and current.startswith(f"{small_lake.as_of + LATER:%Y%m%dT%H%M%SZ}")
    someone = str(written.first()["person_id"])  # type: ignore[index]
    client = redis.Redis.from_url(small_lake.settings.redis.url)
    assert client.exists(f"{small_lake.settings.redis.prefix}:{current}:person:{someone}") == 1


def test_airflow_was_told_of_the_assets(runs: Runs, small_lake: SmallLake) -> None:
    with sqlite3.connect(small_lake.settings.home / "airflow" / "airflow.db") as database:
        query = "SELECT a.name FROM asset_event e JOIN asset a ON a.id = e.asset_id"
        assert {name for (name,) in database.execute(query)} == {"silver_validated", "champions"}

"""One real run of every DAG: Airflow submits, the project's Spark works, the lake and Redis move on."""

import sqlite3
import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from pyspark.sql import SparkSession

from jobs.lake import tables
from jobs.local import app_zip, scheduler
from tests.conftest import SmallLake
from tests.dags.conftest import run_inside

pytestmark = [pytest.mark.airflow, pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(900)]

LEARNED = ("gold.ratings", "gold.features", "gold.segments", "gold.profiles", "gold.person_factors")
DECIDED = ("gold.recommendations", "gold.fallbacks")
# Not the demo's moment: the version of recommendations is named after it.
LATER = timedelta(hours=1)

RunDag = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def run_dag(small_lake: SmallLake, dags: dict[str, Any]) -> RunDag:
    """Runs a DAG as its asset would start it, and holds its commands equal to the committed ones."""
    settings = small_lake.settings
    variables = {**scheduler.environment(settings), **small_lake.environment}
    home = settings.home / "airflow"
    home.mkdir()
    migrate = [settings.project / ".venv-airflow" / "bin" / "airflow", "db", "migrate"]
    subprocess.run(migrate, env=variables, check=True, capture_output=True)
    app_zip.build(settings.project, settings.project / "dist" / "app.zip")
    as_of = (small_lake.as_of + LATER).isoformat()

    def run(dag_id: str) -> dict[str, Any]:
        found = run_inside(variables, home / "run.json", "run", dag_id, f'{{"as_of": "{as_of}"}}')
        commands = [" ".join(command) for command in dags[dag_id]["commands"].values()]
        expected = [
            command.partition(" spark-submit ")[2]
            .replace("/lakehouse/", f"{settings.project}/")
            .replace("2026-01-02T03:00:00+00:00", as_of)
            for command in commands
        ]
        said = [line.partition("Spark-Submit cmd: spark-submit ")[2] for line in found["log"].splitlines()]
        assert sorted(line.partition(" [")[0] for line in said if line) == sorted(expected)
        assert found["steps"] == dict.fromkeys(dags[dag_id]["steps"], "success")
        return found

    return run


def assets(small_lake: SmallLake) -> set[str]:
    """The assets that Airflow was told of."""
    with sqlite3.connect(small_lake.settings.home / "airflow" / "airflow.db") as database:
        query = "SELECT a.name FROM asset_event e JOIN asset a ON a.id = e.asset_id"
        return {name for (name,) in database.execute(query)}


def test_validate_lake(run_dag: RunDag, small_lake: SmallLake, spark: SparkSession) -> None:
    before = tables.version(spark, "ops.quality")
    assert run_dag("validate_lake")["state"] == "success"
    assert tables.version(spark, "ops.quality") > before
    assert "silver_validated" in assets(small_lake)


def test_retrain_models(run_dag: RunDag, small_lake: SmallLake, spark: SparkSession) -> None:
    before = tables.versions(spark, LEARNED)
    assert run_dag("retrain_models")["state"] == "success"
    after = tables.versions(spark, LEARNED)
    assert [name for name in LEARNED if after[name] <= before[name]] == []
    assert "champions" in assets(small_lake)


def test_publish_recommendations(run_dag: RunDag, small_lake: SmallLake, spark: SparkSession) -> None:
    pointer = f"{small_lake.settings.redis.prefix}:current"
    client = redis.Redis.from_url(small_lake.settings.redis.url, decode_responses=True)
    before, former = tables.versions(spark, DECIDED), client.get(pointer)
    assert run_dag("publish_recommendations")["state"] == "success"
    after, current = tables.versions(spark, DECIDED), client.get(pointer)
    assert [name for name in DECIDED if after[name] <= before[name]] == []
    written = tables.read(spark, "gold.recommendations")
    assert [row["version"] for row in written.select("version").distinct().collect()] == [current]
    assert former != current and str(current).startswith(f"{small_lake.as_of + LATER:%Y%m%dT%H%M%SZ}")
    someone = str(written.first()["person_id"])  # type: ignore[index]
    assert client.exists(f"{small_lake.settings.redis.prefix}:{current}:person:{someone}") == 1

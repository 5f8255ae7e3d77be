"""Real runs of DAGs by `lakehouse airflow`: Airflow submits, Spark works, lake and Redis move on.

In `make test` the gate of silver and what follows it by assets: what learns, and what publishes. In `make test-long`
the others: what loads the sources, keeps the lake and watches it.
"""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.local import demo
from jobs.redis_store.keys import Keys
from jobs.settings.loading import Settings
from tests.conftest import SmallLake
from tests.dags.conftest import Begun, newest, running

pytestmark = [pytest.mark.airflow, pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1800)]

LEARNED = ("gold.ratings", "gold.features", "gold.sessions", "gold.segments", "gold.profiles", "gold.person_factors")
DECIDED = ("gold.recommendations", "gold.fallbacks")


@dataclass(frozen=True)
class Runs:
    """The runs, ended: each DAG's state and its steps', and what Airflow said."""

    begun: Begun
    dags: dict[str, Any]
    log: str


@pytest.fixture(scope="module")
def runs(begun: Begun) -> Runs:
    return ended(begun)


def ended(begun: Begun) -> Runs:
    code = begun.process.wait()
    log = begun.log.read_text(encoding="utf-8")
    assert code == 0, log[-3000:]
    return Runs(begun, json.loads(begun.report.read_text(encoding="utf-8")), log)


def unmoved(runs: Runs, names: tuple[str, ...]) -> list[str]:
    """The tables among `names` that no run wrote to."""
    before, home = runs.begun.versions, runs.begun.lake.settings.home
    return [name for name in names if newest(home / "lake", name) <= before[name]]


def require_success(runs: Runs, dags: dict[str, Any]) -> None:
    """Every step of every expected DAG succeeded, by the command that is committed."""
    steps = {name: dags[name]["steps"] for name in runs.begun.expected}
    assert runs.dags == {
        dag_id: {"state": "success", "steps": dict.fromkeys(of_dag, "success")} for dag_id, of_dag in steps.items()
    }
    project = runs.begun.lake.settings.project
    commands = [" ".join(words) for name in runs.begun.expected for words in dags[name]["commands"].values()]
    expected = [
        command.partition(" spark-submit ")[2]
        .replace("/lakehouse/", f"{project}/")
        .replace("2026-01-02T03:00:00+00:00", runs.begun.as_of.isoformat())
        for command in commands
    ]
    kept = runs.begun.lake.settings.home / "airflow" / "logs"
    logs = [log for name in runs.begun.expected for log in kept.glob(f"dag_id={name}/**/*.log")]
    logs = [log for log in logs if "run_id=scheduled__" not in str(log)]  # a run whose hour has come meanwhile
    lines = [
        line for log in logs for line in log.read_text(encoding="utf-8").splitlines() if "Spark-Submit cmd" in line
    ]
    submitted = [json.loads(line)["event"].partition("Spark-Submit cmd: spark-submit ")[2] for line in lines]
    assert sorted(submitted) == sorted(expected)


def test_every_step_succeeds_and_what_was_submitted_is_what_is_committed(runs: Runs, dags: dict[str, Any]) -> None:
    require_success(runs, dags)


@pytest.mark.long
def test_the_other_dags_succeed_and_the_days_are_measured(
    small_lake: SmallLake, airflow_settings: Settings, dags: dict[str, Any], tmp_path: Path
) -> None:
    others = ("load_sources", "maintain_lake", "watch_quality")
    with running(small_lake, airflow_settings, tmp_path, others, others) as begun:
        require_success(ended(begun), dags)
        assert tables.read(begun.lake.lake, "ops.daily_quality").count() > 0


def test_validate_lake_keeps_what_the_gate_found(runs: Runs) -> None:
    kept = tables.read(runs.begun.lake.lake, "ops.quality").where(F.col("checked_at") == F.lit(runs.begun.as_of))
    checked = {row["table_name"] for row in kept.select("table_name").distinct().collect()}
    assert set(demo.of_rooms("silver")) <= checked
    assert unmoved(runs, ("ops.quality",)) == []


def test_retrain_models_learns_anew(runs: Runs) -> None:
    assert unmoved(runs, LEARNED) == []


def test_gold_made_anew_of_the_same_silver_has_as_many_rows(runs: Runs, small_lake: SmallLake) -> None:
    names = {*LEARNED, *DECIDED} - {"gold.person_factors"}  # which holds the factors of each model, so of one more
    rows = {name: tables.read(runs.begun.lake.lake, name).count() for name in names}
    assert rows == {name: small_lake.report["tables"][name] for name in names}


def test_publish_recommendations_flips_to_a_new_version(runs: Runs) -> None:
    assert unmoved(runs, DECIDED) == []
    at = runs.begun.lake.settings.redis
    client = redis.Redis.from_url(at.url, decode_responses=True)
    current = str(client.get(Keys(at.prefix).current))
    written = tables.read(runs.begun.lake.lake, "gold.recommendations")
    assert [row["version"] for row in written.select("version").distinct().collect()] == [current]
    assert current.startswith(f"{runs.begun.as_of:%Y%m%dT%H%M%SZ}")
    someone = str(written.first()["person_id"])  # type: ignore[index]
    assert client.exists(Keys(at.prefix).of_version(current, f"person:{someone}")) == 1


def test_airflow_was_told_of_the_assets(runs: Runs) -> None:
    with sqlite3.connect(runs.begun.lake.settings.home / "airflow" / "airflow.db") as database:
        query = "SELECT a.name FROM asset_event e JOIN asset a ON a.id = e.asset_id"
        assert {name for (name,) in database.execute(query)} == {"silver_validated", "champions"}

"""Airflow as `make airflow` sets it up, in .venv-airflow and a home of its own, driven by subprocess."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.lake.lake import Lake
from jobs.local import app_zip, scheduler
from jobs.settings.loading import Settings, load
from tests.conftest import SHORT_LIVED_JVM, SmallLake, settings_under

INSIDE = Path(__file__).with_name("inside_airflow.py")
ORDER = ("validate_lake", "retrain_models", "publish_recommendations")
# Not the demo's moment: the version of recommendations is named after it.
LATER = timedelta(hours=1)


@dataclass(frozen=True)
class Begun:
    """The DAGs' real runs, in the order that assets start them, in a process that writes `report` and `log`.

    `lake` is theirs alone. `versions`: of its tables, before the runs.
    """

    order: tuple[str, ...]
    as_of: datetime
    lake: SmallLake
    versions: dict[str, int]
    process: subprocess.Popen[bytes]
    report: Path
    log: Path


def command(report: Path, *words: str) -> list[str]:
    python = load("local").project / ".venv-airflow" / "bin" / "python"
    return [str(python), str(INSIDE), words[0], str(report), *words[1:]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the DAGs' runs came to is asked last: until then they go on beside the other tests."""
    items.sort(key=lambda item: item.path.name == "test_runs.py")


@pytest.fixture(scope="session")
def airflow_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The local settings with a home of their own. Fails when Airflow is not set up."""
    settings = load("local")
    if not (settings.project / ".venv-airflow" / "bin" / "airflow").exists():
        pytest.fail("no Airflow in .venv-airflow; run: make setup-airflow", pytrace=False)
    return settings.model_copy(update={"home": tmp_path_factory.mktemp("airflow")})


@pytest.fixture(scope="session")
def dags(airflow_settings: Settings) -> dict[str, Any]:
    """Every DAG as Airflow parsed it, once for all tests, as for a project in /lakehouse."""
    variables = {**scheduler.environment(airflow_settings), "AIRFLOW_VAR_LAKEHOUSE_PROJECT": "/lakehouse"}
    report = airflow_settings.home / "read.json"
    result = subprocess.run(command(report, "read"), env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 0, (result.stdout + result.stderr)[-2000:]
    dag_report = json.loads(report.read_text(encoding="utf-8"))
    assert dag_report["import_errors"] == {}
    parsed: dict[str, Any] = dag_report["dags"]
    return parsed


@pytest.fixture(scope="session")
def begun(
    small_lake: SmallLake, airflow_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Begun]:
    """All DAGs set going, on a copy of the small lake and under a Redis prefix of their own."""
    home = tmp_path_factory.mktemp("dags") / "home"
    shutil.copytree(small_lake.settings.home, home, ignore=shutil.ignore_patterns("kafka", "redis", "run"))
    own = {**small_lake.environment, **SHORT_LIVED_JVM, "LAKEHOUSE_HOME": str(home), "LAKEHOUSE_REDIS__PREFIX": "dags"}
    settings, as_of = settings_under(own), small_lake.as_of + LATER
    variables = {**scheduler.environment(settings), **own}
    (home / "airflow").mkdir()
    migrate = [settings.project / ".venv-airflow" / "bin" / "airflow", "db", "migrate"]
    subprocess.run(migrate, env=variables, check=True, capture_output=True)
    app_zip.build(settings.project, settings.project / "dist" / "app.zip")
    report, log = home / "run.json", home / "run.log"
    words = command(report, "run", json.dumps({"as_of": as_of.isoformat()}), *ORDER)
    versions = {name: newest(home / "lake", name) for name in small_lake.report["tables"]}
    with log.open("wb") as out:
        process = subprocess.Popen(words, env=variables, cwd=home, stdout=out, stderr=out, start_new_session=True)
    theirs = SmallLake(Lake(small_lake.lake.spark, settings), {}, own, as_of)
    yield Begun(ORDER, as_of, theirs, versions, process, report, log)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def newest(root: Path, table: str) -> int:
    """The newest version of a Delta table, by its log alone."""
    return max(int(file.stem) for file in (root / table.replace(".", "/") / "_delta_log").glob("*[0-9].json"))

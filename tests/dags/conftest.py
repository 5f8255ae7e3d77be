"""Airflow as `make airflow` sets it up, in .venv-airflow and a home of its own, driven by subprocess."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.lake.lake import Lake
from jobs.local import scheduler
from jobs.settings.loading import Settings, load
from tests.conftest import SmallLake, free_port
from tests.dags.user_project import copied

INSIDE = Path(__file__).with_name("inside_airflow.py")


@dataclass(frozen=True)
class Begun:
    """Real runs of the `expected` DAGs, in a process that writes `report` and `log`.

    `lake` is theirs alone. `versions`: of its tables, before the runs.
    """

    expected: tuple[str, ...]
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
    """The gate is started by hand; what learns and what publishes follow by their assets."""
    expected = ("validate_lake", "retrain_models", "publish_recommendations")
    with running(small_lake, airflow_settings, tmp_path_factory.mktemp("dags"), ("validate_lake",), expected) as runs:
        yield runs


@contextmanager
def running(
    small_lake: SmallLake, ours: Settings, folder: Path, started: tuple[str, ...], expected: tuple[str, ...]
) -> Iterator[Begun]:
    """DAGs set going in a copy of the project, whose .local is a copy of the small lake: as a user does, who has set no
    variable and reaches a broker and a Redis of their own."""
    project = folder / "project"
    theirs, port, own = small_lake.settings, free_port(), small_lake.environment
    overlay = [
        f'[kafka]\nbootstrap = "{theirs.kafka.bootstrap}"\n[redis]\nurl = "{theirs.redis.url}"\nprefix = "dags"',
        f"[local]\nairflow_port = {port}\nredis_port = {free_port()}\nbroker_port = {free_port()}",
        *(f"[{section}]\n{lines}" for section, lines in as_toml(own, ("ALS", "EVALUATION", "PERSONAS")).items()),
    ]
    copied(ours.project, project, theirs.home, "\n" + "\n".join(overlay))
    settings = theirs.model_copy(
        update={
            "project": project,
            "home": project / ".local",
            "lake": theirs.lake.model_copy(update={"root": str(project / ".local" / "lake")}),
            "redis": theirs.redis.model_copy(update={"prefix": "dags"}),
        }
    )
    report, log = project / "run.json", project / "run.log"
    words = [str(project), str(port), str(report), ",".join(started), ",".join(expected)]
    versions = {name: newest(project / ".local" / "lake", name) for name in small_lake.report["tables"]}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.dags.airflow_by_hand", *words],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    lake = SmallLake(Lake(small_lake.lake.spark, settings), {}, {}, small_lake.as_of)
    yield Begun(expected, small_lake.as_of, lake, versions, process, report, log)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()


def as_toml(environment: dict[str, str], sections: tuple[str, ...]) -> dict[str, str]:
    """The variables of those sections as lines of TOML, by section."""
    lines: dict[str, str] = {}
    for name, value in environment.items():
        section, _, key = name.removeprefix("LAKEHOUSE_").partition("__")
        if section in sections:
            text = value if value.isdecimal() else f'"{value}"'
            lines[section.lower()] = lines.get(section.lower(), "") + f"{key.lower()} = {text}\n"
    return lines


def newest(root: Path, table: str) -> int:
    """The newest version of a Delta table, by its log alone."""
    return max(int(file.stem) for file in (root / table.replace(".", "/") / "_delta_log").glob("*[0-9].json"))

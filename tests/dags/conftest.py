"""Airflow as `make airflow` sets it up, in .venv-airflow and a home of its own, driven by subprocess."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.lake.settings import Settings, load
from jobs.local import scheduler

INSIDE = Path(__file__).with_name("inside_airflow.py")
Inside = Callable[..., dict[str, Any]]


def run_inside(variables: dict[str, str], report: Path, *words: str) -> dict[str, Any]:
    """What inside_airflow.py reports, which also has to end well. Its log goes to the test's output."""
    python = load("local").project / ".venv-airflow" / "bin" / "python"
    command = [str(python), str(INSIDE), words[0], str(report), *words[1:]]
    done = subprocess.run(
        command, env=variables, cwd=report.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    print(done.stdout)
    assert done.returncode == 0, f"inside_airflow.py {words[0]} failed: {done.stdout[-2000:]}"
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return {**found, "log": done.stdout}


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
    variables = scheduler.environment(airflow_settings)
    found = run_inside(
        {**variables, "AIRFLOW_VAR_LAKEHOUSE_PROJECT": "/lakehouse"},
        airflow_settings.home / "read.json",
        "read",
    )
    assert found["import_errors"] == {}
    parsed: dict[str, Any] = found["dags"]
    return parsed

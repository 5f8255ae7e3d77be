"""`make airflow`, for real: it starts, knows the DAGs and the pools, asks for no password, and ends whole."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jobs.errors import OperatorError
from jobs.lake import java_options
from jobs.local import scheduler
from jobs.settings.loading import Settings
from tests.conftest import free_port
from tests.dags.airflow_api import answer_of
from tests.dags.test_dags import EXPECTED
from tests.processes import answers

pytestmark = pytest.mark.airflow

START = "from jobs.local import scheduler; from jobs.settings.loading import load; scheduler.start(load())"


def with_port(settings: Settings, port: int) -> Settings:
    return settings.model_copy(update={"local": settings.local.model_copy(update={"airflow_port": port})})


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def started(airflow_settings: Settings, port: int) -> Iterator[subprocess.Popen[str]]:
    """Airflow, starting as its command starts it, with errors among its output."""
    home = str(airflow_settings.home)
    variables = {"LAKEHOUSE_HOME": home, "LAKEHOUSE_LOCAL__AIRFLOW_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-c", START],
        cwd=airflow_settings.project,
        # A foreign Airflow's database, which ours must leave alone.
        env={
            **os.environ,
            **variables,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nowhere/foreign.db",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    process.terminate()
    process.wait(60)


def read_until(process: subprocess.Popen[str], sign: str) -> str:
    """What it says, up to the line with `sign`; all of it when that line never comes."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if sign in line:
            break
    return text


def test_javas_options_of_the_user_come_last_and_so_count(
    airflow_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_SUBMIT_OPTS", "-Xss9m")
    options = scheduler.environment(airflow_settings)["SPARK_SUBMIT_OPTS"]
    assert options == f"{java_options.submitted_driver(airflow_settings.project)} -Xss9m"


@pytest.mark.slow
def test_it_starts_says_where_to_look_and_when_a_part_dies_ends_with_everything(
    started: subprocess.Popen[str], port: int
) -> None:
    output = read_until(started, "Ctrl-C stops it")
    assert f"http://127.0.0.1:{port}" in output
    family = psutil.Process(started.pid).children(recursive=True)
    assert len(family) >= len(scheduler.PARTS)
    connections = [each for _, own in answers(family, psutil.Process.net_connections) for each in own]
    listening = {each.laddr for each in connections if each.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", port)}

    ends = time.monotonic() + 60
    while answer_of(port, "dags")["total_entries"] < len(EXPECTED) and time.monotonic() < ends:
        time.sleep(1)
    dags = {dag["dag_id"]: dag["is_paused"] for dag in answer_of(port, "dags")["dags"]}
    assert dags == dict.fromkeys(EXPECTED, False)
    pools = {pool["name"]: pool["slots"] for pool in answer_of(port, "pools")["pools"]}
    assert pools.pop("default_pool") and pools == {"spark": 1, "redis_export": 1}
    assert answer_of(port, "dags/~/dagRuns")["total_entries"] == 0

    next(process for process, words in answers(family, psutil.Process.cmdline) if "dag-processor" in words).kill()
    assert "airflow dag-processor ended by itself" in read_until(started, "OperatorError: ")
    assert started.wait(60) == 1
    assert [process for process in family if process.is_running()] == []


def test_ctrl_c_while_it_starts_leaves_nothing_behind(started: subprocess.Popen[str]) -> None:
    assert "starting" in read_until(started, "starting")
    ends = time.monotonic() + 20
    while not (family := psutil.Process(started.pid).children(recursive=True)) and time.monotonic() < ends:
        time.sleep(0.05)
    assert family
    started.send_signal(signal.SIGINT)
    assert read_until(started, "stopped").endswith("airflow: stopped\n")
    assert started.wait(60) == 0
    assert [process for process in family if process.is_running()] == []


def test_a_taken_port_is_named_with_the_setting_that_moves_it(airflow_settings: Settings, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(OperatorError) as error:
        scheduler.start(with_port(airflow_settings, port))
    assert f"port {port} for Airflow is taken" in str(error.value)
    assert "LAKEHOUSE_LOCAL__AIRFLOW_PORT" in str(error.value)


def test_without_its_environment_the_command_that_makes_it_is_named(airflow_settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="run: make setup-airflow"):
        scheduler.start(airflow_settings.model_copy(update={"project": tmp_path}))

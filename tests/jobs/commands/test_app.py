import json
import subprocess
import sys
import time

import pytest
from click.testing import Result
from typer.testing import CliRunner

from jobs.commands.app import app
from jobs.job_list import names
from tests.conftest import SmallLake, free_port


def lakehouse(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def nowhere(small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> SmallLake:
    """The small lake's installation, its broker and Redis addresses pointing where nobody listens."""
    for name, value in small_lake.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LAKEHOUSE_KAFKA__BOOTSTRAP", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("LAKEHOUSE_REDIS__URL", f"redis://127.0.0.1:{free_port()}/0")
    return small_lake


def is_one_line(result: Result, *parts: str) -> bool:
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    line = result.output.strip().splitlines()[-1]
    assert line.startswith("error: ")
    return all(part in line for part in parts)


def test_every_job_is_listed_and_the_help_says_where() -> None:
    assert "lakehouse jobs" in lakehouse("run", "--help").output
    listed = lakehouse("jobs", "--json")
    assert listed.exit_code == 0 and sorted(job["name"] for job in json.loads(listed.stdout)) == list(names())
    shown = lakehouse("jobs").output
    for name in ("bronze.events", "gold.recommendations", "publish.recommendations"):
        assert name in shown


def test_no_broker_is_one_line_in_time(nowhere: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert nowhere.settings.kafka.connect_seconds <= 25
    monkeypatch.setenv("LAKEHOUSE_KAFKA__CONNECT_SECONDS", "3")
    began = time.monotonic()
    assert is_one_line(lakehouse("run", "bronze.events"), "no Kafka broker answers", "kafka.bootstrap", "lakehouse up")
    assert time.monotonic() - began < 8


def test_no_redis_is_one_line_in_time(nowhere: SmallLake) -> None:
    began = time.monotonic()
    for words in (["recommend", "1"], ["run", "publish.recommendations"]):
        assert is_one_line(lakehouse(*words), "no Redis answers", "redis.url", "lakehouse up")
    assert time.monotonic() - began < 30


def test_an_unknown_job_names_the_jobs() -> None:
    assert is_one_line(lakehouse("run", "gold.rating"), "no job gold.rating", "gold.ratings")


def test_a_flag_that_no_job_takes_is_one_line() -> None:
    assert is_one_line(lakehouse("run", "gold.ratings", "--continuous"), "gold.ratings ends by itself", "--continuous")
    assert is_one_line(lakehouse("run", "gold.ratings", "--tables", "gold.ratings"), "--tables is for no job named")


def test_a_wrong_environment_is_named() -> None:
    assert is_one_line(lakehouse("status", "--env", "moon"), "conf/moon.toml")


def test_a_version_not_published_is_said(small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in small_lake.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LAKEHOUSE_REDIS__PREFIX", "empty")
    assert is_one_line(lakehouse("recommend", "1"), "holds no version yet", "publish.recommendations")


def test_status_says_what_answers(small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in small_lake.environment.items():
        monkeypatch.setenv(name, value)
    result = lakehouse("status", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert all(service["answers"] for service in report["services"])
    messages, quarantined = report["messages"], small_lake.report["tables"]["quarantine.events"]
    assert messages["quarantined"] == messages["open"] == quarantined > 0
    assert (
        messages["received"] == messages["kept"] + messages["quarantined"] + messages["duplicate"] + messages["refused"]
    )
    assert f"{quarantined:,}" in lakehouse("status").stdout


def test_status_of_a_lake_elsewhere_asks_no_store(small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in small_lake.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LAKEHOUSE_LAKE__ROOT", "s3a://nowhere/lake")
    result = lakehouse("status", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["messages"] is None


def test_what_py4j_says_of_an_interrupt_is_not_shown() -> None:
    noise = "compile('logging.error(\"noise\")', '/x/py4j/java_gateway.py', 'exec')"
    start = "import logging; from jobs.commands.app import every_command; every_command()"
    code = f"{start}; exec({noise}); logging.error('ours')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "" and "ours" in result.stderr and "noise" not in result.stderr

"""`lakehouse logs`: what processes of this machine wrote, as it is printed and as it grows."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.local import logs
from jobs.settings.loading import load

LAKEHOUSE = str(Path(sys.executable).with_name("lakehouse"))


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, "LAKEHOUSE_HOME": str(home)}
    return subprocess.run([LAKEHOUSE, "logs", *words], env=own, capture_output=True, text=True, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("logs/kafka.log", "logs/redis.log", "airflow/scheduler.log"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(f"{name} {number}\n" for number in range(30)))
    return tmp_path


def test_the_end_of_each_or_of_one_is_shown(home: Path) -> None:
    everything = run(home)
    assert everything.returncode == 0
    for name in ("kafka.log", "redis.log", "scheduler.log"):
        assert f"{name} 29\n" in everything.stdout and f"{name} 10\n" in everything.stdout
        assert f"{name} 9\n" not in everything.stdout
    assert run(home, "redis", "--lines", "2").stdout == "logs/redis.log 28\nlogs/redis.log 29\n"


def test_what_is_not_there_is_said_in_one_line(home: Path, tmp_path: Path) -> None:
    mistyped = run(home, "kafak")
    assert mistyped.returncode == 1 and mistyped.stdout == ""
    assert mistyped.stderr == "error: no log of kafak; there are logs of: kafka, redis, scheduler\n"
    nothing = run(tmp_path / "new")
    assert nothing.returncode == 1 and nothing.stderr.startswith("error: nothing below")


def test_what_comes_is_followed_until_ctrl_c(home: Path) -> None:
    own = {**os.environ, "LAKEHOUSE_HOME": str(home)}
    command = [LAKEHOUSE, "logs", "redis", "-f", "-n", "1"]
    with subprocess.Popen(
        command, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "logs/redis.log 29\n"
        with (home / "logs/redis.log").open("a") as log:
            log.write("new\n")
        assert following.stdout.readline() == "new\n"
        os.killpg(following.pid, signal.SIGINT)
        assert following.wait(30) == 130


def test_what_the_streams_log_is_kept_and_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setattr(logs, "LARGEST", 1_000)
    root = logging.getLogger()
    before = [*root.handlers]
    logs.write_too(load(), "streams")
    for number in range(100):
        root.error("line %d", number)
    for handler in [one for one in root.handlers if one not in before]:
        root.removeHandler(handler)
        handler.close()
    assert logs.logs(load())["streams"].read_text().endswith("line 99\n")
    assert sum(file.stat().st_size for file in (tmp_path / "logs").iterdir()) < 2_200

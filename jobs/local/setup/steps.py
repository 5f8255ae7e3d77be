"""The steps of set-up as a reader sees them: one line each, with a sign of life and the seconds it took."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Failed(Exception):
    """A step of the set-up failed. The message is one line."""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print `what` when the step begins and the seconds when it ends, whatever else is printed between."""
    began = time.monotonic()
    print(f"set-up: {what}", end="", flush=True)
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(f" ({time.monotonic() - began:.1f} s)", flush=True)


def run(command: list[str], log: Path, folder: Path) -> int:
    """Run `command` in `folder` with all it says in `log`, a dot every two seconds; returns the exit code."""
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        try:
            while True:
                try:
                    return process.wait(timeout=2)
                except subprocess.TimeoutExpired:
                    print(".", end="", flush=True)
        except BaseException:
            process.terminate()
            process.wait()
            raise


def must(command: list[str], log: Path, folder: Path) -> None:
    """Like run, but raises Failed with the last lines of the log when the exit code is not 0."""
    code = run(command, log, folder)
    if code:
        text = log.read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        end = " / ".join(lines[-3:])[-400:]
        called = f"{Path(command[0]).name} {command[1]}"
        raise Failed(f"{called} failed with exit code {code}: {end} ({log.parent.name}/{log.name})")


def can_apt_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(package: str, log: Path, folder: Path) -> bool:
    """Whether apt-get installed the Debian package; what it said is in `log`."""
    install = ["apt-get", "install", "-y", "--no-install-recommends", package]
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
    return not any(run([*quiet, *command], log, folder) for command in (["apt-get", "update"], install))

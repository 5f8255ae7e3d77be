"""Processes that outlive the command that starts them, found again by what they are, not by a number alone.

A daemon works in its own data folder and nothing else of its name does, so a recycled process id is never
taken for ours, and one whose pid file was lost is still found.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Daemon:
    """One service: `program` is its process name, `address` its host:port, `home` where local state lives."""

    name: str
    program: str
    address: str
    home: Path

    @property
    def folder(self) -> Path:
        """Its data and its working directory."""
        return self.home / self.name

    @property
    def pid_file(self) -> Path:
        return self.home / "run" / f"{self.name}.json"

    @property
    def log(self) -> Path:
        return self.home / "logs" / f"{self.name}.log"


def running(daemon: Daemon) -> int | None:
    """The process id of the daemon, or None. Removes a stale pid file; finds a daemon whose file was lost."""
    noted = _noted(daemon).get("pid")
    if isinstance(noted, int) and _is(daemon, noted):
        return noted
    daemon.pid_file.unlink(missing_ok=True)
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == daemon.program and _is(daemon, process.pid):
            return process.pid
    return None


def serves(daemon: Daemon) -> bool:
    """Whether the running daemon was started for this address, in the folder that is there now."""
    pid = running(daemon)
    return pid is not None and _noted(daemon).get("address") == daemon.address and _has_its_folder(daemon, pid)


def start(daemon: Daemon, command: list[str], variables: Mapping[str, str] | None = None) -> int:
    """Start `command` in the daemon's folder, detached from this terminal; returns its process id."""
    for folder in (daemon.folder, daemon.pid_file.parent, daemon.log.parent):
        folder.mkdir(parents=True, exist_ok=True)
    if daemon.log.exists():
        os.replace(daemon.log, daemon.log.with_suffix(".log.1"))
    with daemon.log.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=daemon.folder,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    note = {"pid": process.pid, "address": daemon.address}
    part = daemon.pid_file.with_suffix(".part")
    part.write_text(json.dumps(note), encoding="utf-8")
    os.replace(part, daemon.pid_file)
    return process.pid


def stop(daemon: Daemon, seconds: float = 30) -> int | None:
    """End the daemon: SIGTERM, then SIGKILL after `seconds`. Returns the id it had, None when not running."""
    pid = running(daemon)
    if pid is None:
        return None
    if not _has_its_folder(daemon, pid):
        # Redis refuses to end while it cannot save, and what it would save belongs to nobody.
        seconds = 1
    try:
        process = psutil.Process(pid)
        process.terminate()
        try:
            process.wait(seconds)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(10)
    except psutil.NoSuchProcess:
        pass
    daemon.pid_file.unlink(missing_ok=True)
    return pid


def last_words(daemon: Daemon, lines: int = 4) -> str:
    """The last lines of the daemon's log that tell something, in one line of at most 500 characters."""
    try:
        text = daemon.log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "it logged nothing"
    text_lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("\tat ")]
    loud = [line for line in text_lines if any(sign in line for sign in ("ERROR", "Exception", "FATAL", " # "))]
    return " / ".join((loud or text_lines)[-lines:])[-500:] or "it logged nothing"


def set_aside(folder: Path) -> Path:
    """Rename a damaged folder to one that says so; what it holds is not lost."""
    aside = folder.with_name(f"{folder.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    shutil.move(folder, aside)
    return aside


def _has_its_folder(daemon: Daemon, pid: int) -> bool:
    """A folder removed under a running server keeps its name in /proc, but is another file."""
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", daemon.folder)
    except OSError:
        return False


def _noted(daemon: Daemon) -> dict[str, object]:
    try:
        note = json.loads(daemon.pid_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _is(daemon: Daemon, pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return (
            process.name() == daemon.program
            and process.status() != psutil.STATUS_ZOMBIE
            and Path(process.cwd()) == daemon.folder
        )
    except psutil.Error:
        return False

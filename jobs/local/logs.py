"""The logs that processes of this machine write: Kafka's, Redis', Airflow's, and the streams'."""

import logging
import subprocess
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path

from jobs.errors import OperatorError
from jobs.output import LINE, TIME
from jobs.settings.loading import Settings

LARGEST = 10 * 2**20
"""Bytes of a log that a process of this project writes; the one before is kept beside it."""


def logs(settings: Settings) -> dict[str, Path]:
    """The newest log of each process that wrote one, by the process's name."""
    folders = (settings.home / "logs", settings.home / "airflow")
    return {file.stem: file for folder in folders for file in sorted(folder.glob("*.log"))}


def show(settings: Settings, names: Sequence[str], lines: int, follow: bool) -> None:
    """Prints the end of those logs, of all without names, and what comes, until Ctrl-C.

    Raises OperatorError for a name that no log has, and where there is none at all.
    """
    found = logs(settings)
    if not found:
        raise OperatorError(f"nothing below {settings.home} has written a log yet; start something: lakehouse up")
    if unknown := [name for name in names if name not in found]:
        raise OperatorError(f"no log of {', '.join(unknown)}; there are logs of: {', '.join(found)}")
    files = [str(found[name]) for name in names or found]
    # By name, so that a log that is begun anew is followed too.
    subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), "--", *files], check=False)


def write_too(settings: Settings, name: str) -> None:
    """Sends what this process logs also to the log called `name`."""
    file = settings.home / "logs" / f"{name}.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(file, maxBytes=LARGEST, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter(LINE, f"%Y-%m-%d {TIME}"))
    logging.getLogger().addHandler(handler)

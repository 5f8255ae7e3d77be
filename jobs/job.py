"""What every job has in common: its options, its name, and running as a script under spark-submit."""

import argparse
import importlib
import logging
import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jobs
from expectations.gate import GateFailed
from jobs.errors import OperatorError
from jobs.lake.writer_lock import writer_lock
from jobs.settings.loading import Settings, load

WRITERS = ("bronze", "silver", "gold", "train", "publish", "live", "ops")  # whose jobs must not run twice at once
LAYERS = ("bronze", "silver", "gold", "train", "quality", "publish", "live", "ledger", "ops")


@dataclass(frozen=True)
class Options:
    """`as_of`: the moment the job looks at the world from. `continuous`: a stream stays. `tables`: for the gate."""

    as_of: datetime
    continuous: bool = False
    tables: tuple[str, ...] = ()


Main = Callable[[Settings, Options], None]


def names() -> list[str]:
    """Every job, as layer.table, in the order of the layers."""
    return [
        f"{layer}.{module.name}"
        for layer in LAYERS
        for module in pkgutil.iter_modules([f"{path}/{layer}" for path in jobs.__path__])
    ]


def main_of(name: str) -> Main:
    """The job's main, as the only one of its name. Raises OperatorError for a name that is no job."""
    if name not in names():
        raise OperatorError(f"no job {name}; the jobs are: {', '.join(names())}")
    return _alone(name, importlib.import_module(f"jobs.{name}").main)


def _alone(name: str, main: Main) -> Main:
    """Raises OperatorError when it is called while another process runs the job."""

    def run(settings: Settings, options: Options) -> None:
        if name.split(".")[0] in WRITERS:
            with writer_lock(settings, name):
                main(settings, options)
        else:
            main(settings, options)

    return run


def submit(main: Main, arguments: Sequence[str] | None = None) -> None:
    """Runs a job file as a script: parses its options, prints one line and exits 1 on what an operator can mend."""
    module = sys.modules[main.__module__]
    parser = argparse.ArgumentParser(description=module.__doc__)
    parser.add_argument("--env", default="local", help="the overlay in conf/: local (default), cluster, or your own")
    parser.add_argument("--as-of", type=moment, default=None, help="look from this moment, ISO 8601 (default: now)")
    parser.add_argument("--continuous", action="store_true", help="a stream stays and waits for more")
    parser.add_argument("--tables", default="", help="for quality.gate: tables to check, separated by commas")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    as_of = given.as_of or datetime.now(UTC)
    chosen = tuple(table for table in given.tables.split(",") if table)
    file = Path(str(module.__file__))
    try:
        _alone(f"{file.parent.name}.{file.stem}", main)(load(given.env), Options(as_of, given.continuous, chosen))
    except (OperatorError, GateFailed) as error:
        sys.exit(f"error: {error}")


def moment(text: str) -> datetime:
    """An ISO 8601 date or date and time; UTC where it names no offset."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)

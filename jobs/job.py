"""What a job file declares of itself, and how it is run: as a script too, and as the only one of its name."""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from expectations.schemas import TABLES
from jobs import job_progress, job_report
from jobs.errors import DEFAULT_ENV, OPERATOR_ERRORS, OperatorError, with_env
from jobs.job_report import JobReport, TableRows
from jobs.lake.lake import Lake
from jobs.lake.session import open_lake
from jobs.lake.writer_lock import writer_lock
from jobs.output import log_to_stderr
from jobs.settings.loading import Settings, load


@dataclass(frozen=True)
class Options:
    """`as_of`: the moment the job looks at the world from. `continuous`: a stream stays. The others are flags that only
    the jobs take that name them in `Job.flags`."""

    as_of: datetime
    continuous: bool = False
    tables: tuple[str, ...] = ()
    accept_loss: bool = False

    def every(self, seconds: float) -> float | None:
        """`seconds` for a stream that stays, None for one that ends when it has read all there is."""
        return seconds if self.continuous else None

    def every_behind(self, seconds: float) -> float | None:
        """The same for a stream that reads a table which another one fills every so many `seconds`: it looks for new
        rows five times as often. All streams' ticks fall together, so that what was landed after one of them would wait
        for the whole of the next."""
        return self.every(seconds / 5)


Main = Callable[[Lake, Options], int | None]
"""What a job does. It returns how many rows it read where that is a stream's new ones, else None."""

log = logging.getLogger(__name__)

FLAGS: dict[str, dict[str, Any]] = {
    "tables": {"default": "", "help": "only these tables, separated by commas"},
    "accept_loss": {
        "action": "store_true",
        "help": "go on without messages that Kafka removed too early",
    },
}
"""What argparse needs to know of each flag that a job may take besides those that all take."""


@dataclass(frozen=True)
class Job:
    """What a job says of itself, once, at the end of its file.

    `name`: its file, as layer.name; the table it writes has the same. `reads`: tables, and what is no table, such as
    `kafka`, `sources`, `models.als`, `redis`. `also_writes`: what it writes that is no table, by the same names; the
    tables that a job writes say so themselves (Table.job). `looks_back`: what it reads as an earlier run left it, for
    which it need not wait. `stays`: it is a stream, which --continuous keeps running. `flags`: those of FLAGS that it
    takes. `before`: raises OperatorError, before Spark starts, where something is missing that the job needs.
    `rebuild`: of a stream, begins a lost checkpoint anew from what the tables hold.
    """

    name: str
    main: Main
    reads: tuple[str, ...] = ()
    also_writes: tuple[str, ...] = ()
    looks_back: tuple[str, ...] = ()
    stays: bool = False
    flags: tuple[str, ...] = ()
    before: Callable[[Settings], None] = field(default=lambda settings: None)
    rebuild: Callable[[Lake], None] | None = None

    @property
    def writes(self) -> tuple[str, ...]:
        """The tables of which it is the writer, and what it writes besides."""
        own = [name for name, table in TABLES.items() if table.job == self.name]
        return (*own, *self.also_writes)

    def run(self, settings: Settings, options: Options) -> JobReport:
        """Raises OperatorError where something is missing, or while another process runs a job that writes."""
        began = time.monotonic()
        self.before(settings)
        with writer_lock(settings.lake.root, self.name) if self.writes else nullcontext():
            lake = open_lake(self.name, settings)
            read = () if self.stays else job_report.rows_to_read(lake, self.reads)
            before = job_report.versions(lake, self.writes)
            new_rows = self.main(lake, options)
            if options.continuous:  # days of commits, and nobody waits for the sum
                return JobReport(self.name, time.monotonic() - began, (), ())
            if new_rows is not None:
                read = (TableRows(self.reads[0], new_rows, None),)
            return JobReport(self.name, time.monotonic() - began, read, job_report.rows_written(lake, before))


def require_flags(jobs: Sequence[Job], options: Options) -> None:
    """Raises OperatorError for a flag that no job of them takes, and for several jobs of which the first would stay."""
    for name, rule in FLAGS.items():
        if getattr(options, name) and not any(name in job.flags for job in jobs):
            raise OperatorError(f"--{name.replace('_', '-')} is for no job named here: {rule['help']}")
    if options.continuous:
        ending = [job.name for job in jobs if not job.stays]
        if ending:
            raise OperatorError(f"{', '.join(ending)} ends by itself; --continuous is for streams")
        if len(jobs) > 1:
            raise OperatorError("with --continuous the first job keeps the others waiting: run one in each process")


def run_shown(job: Job, settings: Settings, options: Options) -> JobReport:
    """Runs it, shows how far it is, and logs what it did on one line. Raises as Job.run does."""
    with job_progress.shown(job.name):
        report = job.run(settings, options)
    log.info("%s", report)
    return report


def submit(job: Job, arguments: Sequence[str] | None = None) -> None:
    """Runs a job file as a script: parses its options, prints one line and exits 1 on what an operator can mend."""
    parser = argparse.ArgumentParser(description=sys.modules[job.main.__module__].__doc__)
    parser.add_argument(
        "--env",
        default=DEFAULT_ENV,
        help="settings: local (default), cluster, another overlay in conf/, or the path of a TOML file",
    )
    parser.add_argument("--as-of", default="", help="look from this moment, ISO 8601 (default: now)")
    if job.stays:
        parser.add_argument("--continuous", action="store_true", help="stay and wait for more")
    parser.add_argument("--json", action="store_true", help="print what it did as JSON, for a program")
    for name in job.flags:
        parser.add_argument(f"--{name.replace('_', '-')}", **FLAGS[name])
    values = vars(parser.parse_args(arguments))
    log_to_stderr()
    tables = tuple(filter(None, values.pop("tables", "").split(",")))
    env, as_of, as_json = values.pop("env"), values.pop("as_of"), values.pop("json")
    try:
        at = moment(as_of) if as_of else datetime.now(UTC)
        report = run_shown(job, load(env), Options(at, tables=tables, **values))
        if as_json:
            print(json.dumps(asdict(report)))
    except OPERATOR_ERRORS as error:
        sys.exit(f"error: {with_env(str(error), env)}")


def moment(text: str) -> datetime:
    """An ISO 8601 date or date and time; UTC where it names no offset. Raises OperatorError for another text."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise OperatorError(f"{text!r} is not a moment; write it as 2026-03-01 or 2026-03-01T10:15:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)

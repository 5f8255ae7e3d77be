"""`lakehouse run` and `lakehouse jobs`: jobs by their names, in the order in which they build on one another."""

import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.flags import AsOf, Env, Json
from jobs.errors import OperatorError
from jobs.job import Job, Options, moment, require_flags, run_shown
from jobs.lake import places, writer_lock
from jobs.settings.loading import Settings, load

log = logging.getLogger(__name__)
ALL = "all"


def run(
    jobs: Annotated[
        list[str],
        typer.Argument(help="One or more, run in this order; see `lakehouse jobs`. `all`: from the sources to Redis."),
    ],
    env: Env = "local",
    as_of: AsOf = "",
    continuous: Annotated[bool, typer.Option("--continuous", help="Keep a stream running: it waits for more.")] = False,
    tables: Annotated[str, typer.Option(help="Only these tables, separated by commas; see `lakehouse jobs`.")] = "",
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on without messages that Kafka removed before they were landed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run jobs in one Spark session, one after the other; the last line of each says what it read and wrote."""
    from jobs.job_list import building, job_named

    conf, at = load(env), moment(as_of) if as_of else datetime.now(UTC)
    if ALL in jobs and len(jobs) > 1:
        raise OperatorError("`all` stands alone: lakehouse run all")
    named = _not_running(building(), conf) if jobs == [ALL] else [job_named(name) for name in jobs]
    options = Options(at, continuous, tuple(filter(None, tables.split(","))), accept_loss)
    require_flags(named, options)
    for one in named:
        one.before(conf)
    reports = [run_shown(one, conf, options) for one in named]
    if as_json:
        typer.echo(json.dumps([asdict(report) for report in reports]))


def _not_running(jobs: list[Job], conf: Settings) -> list[Job]:
    """Without the streams that another process keeps running: those need no run."""
    folder = places.folder(conf.lake.root)
    running = [one for one in jobs if one.stays and folder is not None and writer_lock.is_held(folder, one.name)]
    if running:
        log.info("left to the process that runs them: %s", ", ".join(one.name for one in running))
    return [one for one in jobs if one not in running]


def list_jobs(as_json: Json = False) -> None:
    """List the jobs, each after those whose tables it reads, with what it reads and writes and its own options."""
    from jobs.job_list import all_jobs

    if as_json:
        shown = ("name", "reads", "writes", "stays", "flags")
        typer.echo(json.dumps([{name: getattr(one, name) for name in shown} for one in all_jobs().values()]))
        return
    output.show(listings.jobs(all_jobs().values()))

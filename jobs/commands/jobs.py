"""`lakehouse run` and `lakehouse jobs`: jobs by their names, in the order in which they build on one another."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.flags import AsOf, Env, Json
from jobs.job import Options, moment, require_flags, run_shown
from jobs.settings.loading import load

ALL = "all"


def run(
    jobs: Annotated[
        list[str],
        typer.Argument(help="One or more, in order; `lakehouse jobs` lists them. `all`: each, after what it reads."),
    ],
    env: Env = "local",
    as_of: AsOf = "",
    continuous: Annotated[bool, typer.Option(help="A stream stays and waits for more.")] = False,
    tables: Annotated[str, typer.Option(help="Only these tables, separated by commas; see `lakehouse jobs`.")] = "",
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on without messages that Kafka removed before they were landed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run jobs in one Spark session, each in its turn; each says on its last line what it read and wrote."""
    from jobs.job_list import building, job_named

    conf, at = load(env), moment(as_of) if as_of else datetime.now(UTC)
    named = building() if jobs == [ALL] else [job_named(name) for name in jobs]
    options = Options(at, continuous, tuple(filter(None, tables.split(","))), accept_loss)
    require_flags(named, options)
    for one in named:
        one.before(conf)
    reports = [run_shown(one, conf, options) for one in named]
    if as_json:
        typer.echo(json.dumps([asdict(report) for report in reports]))


def list_jobs(as_json: Json = False) -> None:
    """List the jobs in the order in which they build on one another: what each reads, writes, and takes."""
    from jobs.job_list import all_jobs

    if as_json:
        shown = ("name", "reads", "writes", "stays", "flags")
        typer.echo(json.dumps([{name: getattr(one, name) for name in shown} for one in all_jobs().values()]))
        return
    output.show(listings.jobs(all_jobs().values()))

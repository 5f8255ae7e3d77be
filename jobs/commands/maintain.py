"""`lakehouse maintain`: the lake's tables kept small and quick."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.flags import Env, Json
from jobs.settings import loading as settings


def maintain(
    table: Annotated[list[str] | None, typer.Option(help="Only this table; may be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    allow_short: Annotated[
        bool,
        typer.Option("--allow-short", help="Accept a retention under a week: only while nothing else uses the tables."),
    ] = False,
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Join small files, and remove files and log entries past their retention, by [maintenance] in the settings.

    A table of an earlier release that polars and deltalake cannot open is converted so that they can. Safe to run
    beside the streams, to interrupt and to repeat.
    """
    from jobs.lake.session import open_lake
    from jobs.maintenance import upkeep

    conf = settings.load(env)
    if not allow_short:
        upkeep.require_safe(conf)
    lake = open_lake("ops.maintain", conf)
    # Delta prints what it deletes, where --json prints.
    system = lake.spark._jvm.java.lang.System  # type: ignore[union-attr]
    system.setOut(system.err)
    work = upkeep.due if dry_run else upkeep.keep
    names = upkeep.tables_to_maintain(lake, table or ())
    reports = [asdict(work(lake, name, upkeep.plan(conf.maintenance, name))) for name in names]
    if as_json:
        typer.echo(json.dumps(reports))
        return
    output.show(listings.upkeep(reports))

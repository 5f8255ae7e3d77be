"""`lakehouse quality`: days measured, alerts read, what the gate saw last, as a page."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from jobs import job, output
from jobs.commands import listings
from jobs.commands.flags import Env, Json
from jobs.errors import OperatorError
from jobs.lake.lake import Lake
from jobs.settings import loading as settings

app = typer.Typer(no_args_is_help=True, help="Measure days, show alerts, and write the gate's last results as a page.")

Since = Annotated[str, typer.Option(help="From this day on, such as 2026-03-01. Default: the last day that is over.")]
Until = Annotated[str, typer.Option(help="To this day, included. Default: the last day that is over.")]


@app.command()
def measure(since: Since = "", until: Until = "", env: Env = "local", as_json: Json = False) -> None:
    """Measure days into ops.daily_quality, replacing what was measured before; today only when it is named."""
    from jobs.ops import daily_quality

    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    first, last = _day(since) or _day(until) or yesterday, _day(until) or yesterday
    if first > last:
        raise OperatorError(f"no day from {first} to {last}; give --since the earlier one")
    lake = _lake(env)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    for day in days:
        daily_quality.measure(lake, day)
    if as_json:
        typer.echo(json.dumps({"days": [day.isoformat() for day in days]}))


@app.command()
def alerts(
    since: Annotated[str, typer.Option(help="Only of this day or later, such as 2026-03-01.")] = "",
    most: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many.")] = 50,
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Show the alerts in ops.alerts, the newest day first."""
    from jobs.lake import query

    first = _day(since)
    since_day = f"WHERE day >= DATE '{first}'" if first else ""
    newest = f"SELECT * FROM {{table}} {since_day} ORDER BY day DESC, alert_id LIMIT {most}"
    rows = query.rows(settings.load(env), "ops.alerts", newest)
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    output.show(listings.alerts(rows) if rows else "no alert")


@app.command()
def docs(
    to: Annotated[
        Path | None, typer.Option(help="Where to. Default: the folder data_docs in the home of the settings.")
    ] = None,
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Write the gate's last result for every table as one HTML page: rules and counts, no data."""
    from expectations import data_docs
    from jobs.watch.last_checks import last_checks

    lake = _lake(env)
    checks = last_checks(lake)
    page = data_docs.write(checks, (to or lake.settings.home / "data_docs").absolute())
    if as_json:
        typer.echo(json.dumps({"page": str(page)}))
        return
    output.show(f"wrote {page}")


def _lake(env: str) -> Lake:
    from jobs.lake.session import open_lake

    return open_lake("quality", settings.load(env))


def _day(text: str) -> date | None:
    return job.moment(text).date() if text else None

"""`lakehouse quarantine`: what was rejected and why."""

import dataclasses
import json
from datetime import datetime
from typing import Annotated

import typer

from jobs import job, output
from jobs.commands import listings
from jobs.commands.flags import Env, Json
from jobs.errors import OperatorError
from jobs.lake.lake import Lake
from jobs.output import printable
from jobs.quarantine import review
from jobs.quarantine.review import Choice
from jobs.settings import loading as settings

app = typer.Typer(no_args_is_help=True, help="Count, show, replay or discard rejected messages.")

NONE = "no such message in quarantine"

Reason = Annotated[str, typer.Option(help="Only with this text in a reason, such as 'payload.price'.")]
Type = Annotated[str, typer.Option("--type", help="Only of this event type.")]
Since = Annotated[str, typer.Option(help="Only what arrived at this moment or later, ISO 8601.")]
State = Annotated[str, typer.Option(help="open, replayed, discarded, or all.")]
Until = Annotated[str, typer.Option(help="Only what arrived before this moment, ISO 8601.")]


@app.command(name="list")
def list_(
    reason: Reason = "",
    event_type: Type = "",
    since: Since = "",
    until: Until = "",
    state: State = "open",
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Count the messages by event type and reason; one with two reasons counts for both."""
    choice = _choice(reason, event_type, since, until, state)  # before Spark starts
    counts = [dataclasses.asdict(count) for count in review.counts_by_reason(settings.load(env), choice)]
    if as_json:
        typer.echo(json.dumps(counts))
        return
    output.show(listings.reasons(counts) if counts else NONE)


@app.command()
def show(
    reason: Reason = "",
    event_type: Type = "",
    since: Since = "",
    until: Until = "",
    state: State = "open",
    most: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many.")] = 10,
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Show whole messages, the earliest first, with every reason and their place in Kafka."""
    choice = _choice(reason, event_type, since, until, state)
    rows = review.listing(review.messages_of(_lake(env), choice), most)
    if as_json:
        typer.echo(json.dumps([row.asDict() for row in rows]))
        return
    for row in rows:
        where = f"{row['topic']}-{row['partition']} offset {row['offset']}, {row['received_at']}"
        output.show(f"{where}, {row['state']}, {printable(row['event_type'] or 'no event type could be read')}")
        for why in row["reasons"]:
            output.show(f"  {printable(why)}")
        output.show(f"  {printable(row['payload'])}")
    if not rows:
        output.show(NONE)


@app.command()
def discard(
    reason: Reason = "",
    event_type: Type = "",
    since: Since = "",
    until: Until = "",
    everything: Annotated[bool, typer.Option("--all", help="All open messages.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many; change nothing.")] = False,
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Mark open messages as discarded: they stay where they are, and are not replayed. Safe to repeat."""
    _require_one(reason, event_type, since, until, everything)
    choice = _choice(reason, event_type, since, until, "open")
    lake = _lake(env)
    count = review.messages_of(lake, choice).count() if dry_run else review.discard(lake, choice)
    if as_json:
        typer.echo(json.dumps({"would_be_discarded" if dry_run else "discarded": count}))
        return
    output.show(f"{count:,} messages {'would be discarded' if dry_run else 'discarded'}")


@app.command()
def replay(
    reason: Reason = "",
    event_type: Type = "",
    since: Since = "",
    until: Until = "",
    everything: Annotated[bool, typer.Option("--all", help="All open messages.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge and count; change nothing.")] = False,
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Judge open messages again, after a change of the contract or the code, and land what is valid now.

    Messages that are still broken stay open, with the reasons of today. Safe to repeat and to interrupt. The job
    silver.events must not be running: a table has one writer.
    """
    _require_one(reason, event_type, since, until, everything)
    from jobs.quarantine.replay import replay

    choice = _choice(reason, event_type, since, until, "open")
    with output.waiting("judging the messages again"):
        outcome = replay(_lake(env), choice, dry_run)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(outcome)))
        return
    would = "would land" if dry_run else "landed"
    output.show(
        f"{outcome.kept:,} {would}, {outcome.duplicate:,} are duplicates of others,"
        f" {outcome.quarantined:,} are still broken, {outcome.refused:,} are refused by consent"
    )


def _require_one(reason: str, event_type: str, since: str, until: str, everything: bool) -> None:
    if not (reason or event_type or since or until or everything):
        raise OperatorError("which ones? give --reason, --type, --since, --until, or --all")


def _choice(reason: str, event_type: str, since: str, until: str, state: str) -> Choice:
    return Choice(reason, event_type, _moment(since), _moment(until), "" if state == "all" else state)


def _moment(text: str) -> datetime | None:
    return job.moment(text) if text else None


def _lake(env: str) -> Lake:
    from jobs.lake.session import open_lake

    return open_lake("quarantine", settings.load(env))

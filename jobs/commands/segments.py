"""`lakehouse segments`: the rules that say who is in which segment, and why."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.flags import Env, Json
from jobs.settings import loading as settings

if TYPE_CHECKING:
    from jobs.lake.lake import Lake
    from jobs.segments.definitions import Segment

app = typer.Typer(no_args_is_help=True, help="Check and list the rules of segments; say who is in one, and why.")

AsOf = Annotated[str, typer.Option(help="look from this moment, ISO 8601 (default: now)")]


@app.command()
def check(env: Env = "local") -> None:
    """Read all rules; name the first that is wrong by segment, line and column, and the nearest known name.

    They stand in conf/segments.toml, or where segments.file says.
    """
    output.show(f"{len(_segments(env))} segments; every rule can be read")


@app.command(name="list")
def list_(env: Env = "local", as_json: Json = False) -> None:
    """List the segments: title, purpose, owner, and a version that changes with the rule."""
    known = _segments(env).values()
    if as_json:
        names = ("name", "title", "purpose", "owner", "version", "text")
        typer.echo(json.dumps([{name: getattr(one, name) for name in names} for one in known]))
        return
    output.show(listings.segments(known))


@app.command()
def preview(
    rule: Annotated[str, typer.Argument(help="""Such as 'any("purchase", within="30d")'; in quotes of the shell.""")],
    purpose: Annotated[str, typer.Option(help="analytics, personalisation or marketing")] = "personalisation",
    as_of: AsOf = "",
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Say how many people a rule would put into a segment, who is among them, and which segments they are in.

    Nothing is saved: a segment is a table of conf/segments.toml.
    """
    from jobs.segments import explain

    with _open(env, "evaluating the rule") as lake:
        seen = explain.preview(lake, rule, purpose, _moment(as_of))
    if as_json:
        typer.echo(json.dumps(asdict(seen)))
        return
    output.show(
        f"{seen.size:,} people, such as {', '.join(map(output.printable, seen.members))}" if seen.size else "nobody"
    )
    if seen.overlaps:
        output.show(listings.overlaps(seen))


@app.command(name="explain")
def explain_(
    person: Annotated[str, typer.Argument(help="A person_id, as gold.segments has it.")],
    segment: str,
    as_of: AsOf = "",
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Say why a person is in a segment or not: each clause of the rule, the events that it sees, and until when.

    By the events that the person lets be used for the segment's purpose.
    """
    from jobs.segments import explain

    with _open(env, "looking at the person") as lake:
        seen = explain.explanation(lake, person, segment, _moment(as_of))
    if as_json:
        typer.echo(json.dumps(asdict(seen), default=str))
        return
    until = f", until {seen.until:%Y-%m-%d %H:%M:%S} UTC if nothing happens" if seen.until else ""
    output.show(f"{output.printable(person)} is {'' if seen.is_in else 'not '}in {segment}{until}")
    output.show(listings.clauses(seen))


@contextmanager
def _open(env: str, what: str) -> "Iterator[Lake]":
    from jobs.lake.session import open_lake

    conf = settings.load(env)
    with output.waiting(what):
        yield open_lake("segments", conf)


def _moment(text: str) -> datetime:
    from jobs.job import moment

    return moment(text) if text else datetime.now(UTC)


def _segments(env: str) -> "dict[str, Segment]":
    from jobs.landing.contracts import in_force
    from jobs.segments.definitions import segments_in_force

    conf = settings.load(env)
    return segments_in_force(conf, in_force(conf.contracts)())

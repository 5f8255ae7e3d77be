"""`lakehouse segments`: the rules that say who is in which segment, and why."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.flags import AsOf, Env, Json
from jobs.commands.opened import opened, writing
from jobs.errors import OperatorError
from jobs.settings import loading as settings

if TYPE_CHECKING:
    from jobs.segment_rules.definitions import Segment

app = typer.Typer(no_args_is_help=True, help="Check and list the rules of segments; say who is in one, and why.")


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

    with opened("segments", env, "evaluating the rule") as lake:
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

    with opened("segments", env, "looking at the person") as lake:
        seen = explain.explanation(lake, person, segment, _moment(as_of))
    if as_json:
        typer.echo(json.dumps(asdict(seen), default=str))
        return
    until = f", until {seen.until:%Y-%m-%d %H:%M:%S} UTC if nothing happens" if seen.until else ""
    output.show(f"{output.printable(person)} is {'' if seen.is_in else 'not '}in {segment}{until}")
    output.show(listings.clauses(seen))


@app.command()
def diff(as_of: AsOf = "", env: Env = "local", as_json: Json = False) -> None:
    """Say whom the rules of the file would move, against those in force, and whether that is more than may be unasked.

    Nothing is changed: the next run of gold.segments lets the file through, or stops it, by the same figures.
    """
    from jobs.segments import rule_sets

    with opened("segments", env, "evaluating both sets of rules") as lake:
        seen = rule_sets.difference(lake, _moment(as_of))
    if as_json:
        moved = [{**one._asdict(), "share": one.share} for one in seen.moved]
        typer.echo(json.dumps({**asdict(seen), "moved": moved}))
        return
    output.show(f"the rules of the file are {seen.says}")
    if seen.added:
        output.show(f"new: {', '.join(seen.added)}")
    if seen.moved:
        output.show(listings.movements(seen.moved, seen.too_much))


@app.command()
def promote(
    canary: Annotated[float | None, typer.Option(help="A share of the people, such as 0.05.")] = None,
    as_of: AsOf = "",
    env: Env = "local",
) -> None:
    """Put the rules of the file in force, however many people they move, and bring gold.segments up to date.

    live.segments follows within half a minute. With --canary they are tried on some people first, always the same ones;
    after segments.canary_hours the next run of gold.segments puts them in force, unless they move too many. Take it
    back with `lakehouse segments rollback`.
    """
    from jobs.segments import rule_sets

    if canary is not None and not 0 < canary <= 1:
        raise OperatorError(f"--canary {canary} is no share of the people; write one above 0 and up to 1, such as 0.05")
    with writing("gold.segments", "segments", env, "deciding") as lake:
        rule_sets.promote(lake, _moment(as_of), canary)
    _bring_up_to_date(env, as_of)


@app.command()
def rollback(as_of: AsOf = "", env: Env = "local") -> None:
    """Take back the rules that were put in force last, or the canary, and bring gold.segments up to date.

    live.segments follows within half a minute. What was taken back stays out until it is promoted, whatever the file
    says.
    """
    from jobs.segments import rule_sets

    with writing("gold.segments", "segments", env, "deciding") as lake:
        output.show(f"in force now: rules {rule_sets.roll_back(lake, _moment(as_of))}")
    _bring_up_to_date(env, as_of)


@app.command()
def history(env: Env = "local", as_json: Json = False) -> None:
    """List which rules were in force, tried, stopped and taken back, and when; the last comes last."""
    from jobs.segments import rule_sets

    with opened("segments", env, "reading the decisions") as lake:
        told = rule_sets.decisions(lake)
    if as_json:
        typer.echo(json.dumps([one._asdict() for one in told], default=str))
        return
    output.show(listings.decisions(told) if told else "nothing was decided yet; run: lakehouse run gold.segments")


def _bring_up_to_date(env: str, as_of: str) -> None:
    from jobs.job import Options, run_shown
    from jobs.job_list import job_named

    run_shown(job_named("gold.segments"), settings.load(env), Options(_moment(as_of)))


def _moment(text: str) -> datetime:
    from jobs.job import moment

    return moment(text) if text else datetime.now(UTC)


def _segments(env: str) -> "dict[str, Segment]":
    from jobs.landing.contracts import in_force
    from jobs.segment_rules.definitions import segments_in_force

    conf = settings.load(env)
    return segments_in_force(conf, in_force(conf.contracts)())

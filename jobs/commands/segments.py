"""`lakehouse segments`: the rules that say who is in which segment."""

import json
from typing import TYPE_CHECKING

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.flags import Env, Json
from jobs.settings import loading as settings

if TYPE_CHECKING:
    from jobs.segments.definitions import Segment

app = typer.Typer(no_args_is_help=True, help="Check and list the rules of segments.")


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


def _segments(env: str) -> "dict[str, Segment]":
    from jobs.landing.contracts import in_force
    from jobs.segments.definitions import segments_in_force

    conf = settings.load(env)
    return segments_in_force(conf, in_force(conf.contracts)())

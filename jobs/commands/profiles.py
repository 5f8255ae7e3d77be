"""`lakehouse profile`: what is known of a person, and what was before."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from jobs import output
from jobs.commands import profile_lines
from jobs.commands.flags import AsOf, Env, Json
from jobs.commands.named import named
from jobs.commands.opened import opened

app = typer.Typer(no_args_is_help=True, help="Show what is known of a person, now or at a moment, and how it changed.")

Person = Annotated[
    str,
    typer.Argument(help="A person_id, or an identifier as type:value, such as anonymous_id:a-77; 900: a user_id."),
]


@app.command()
def show(person: Person, as_of: AsOf = "", env: Env = "local", as_json: Json = False) -> None:
    """Show a person's profile: how lately, how often and for how much they bought, what they like, when they come, and
    the segments that they are in. With --as-of: what the lake said then.

    Who does not allow personalisation has none.
    """
    from jobs.job import moment
    from jobs.profiles import view

    at = moment(as_of) if as_of else datetime.now(UTC)
    with opened("profile", env, "looking for the person") as lake:
        identifier = named(lake, person)
        shown = view.profile_at(lake, identifier, at)
        segments = view.segments_at(lake, shown.person_id, at)
    if as_json:
        told = {**asdict(shown), "recency_days": shown.recency_days(at), "segments": segments}
        typer.echo(json.dumps(told, default=str))
        return
    for line in profile_lines.profile(shown, segments, at):
        output.show(output.printable(line))


@app.command()
def history(person: Person, env: Env = "local", as_json: Json = False) -> None:
    """Show when each version of a person's profile began, and what was different from the one before."""
    from jobs.profiles import view

    with opened("profile", env, "looking for the person") as lake:
        of_people = view.versions(lake, named(lake, person))
    changes = {name: view.changes(known) for name, known in of_people.items()}
    if as_json:
        typer.echo(json.dumps({name: [asdict(one) for one in told] for name, told in changes.items()}, default=str))
        return
    for name, told in changes.items():
        output.show(f"person {output.printable(name)}")
        output.show(profile_lines.changes(told))

"""`lakehouse identity`: who is one person, and why."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from jobs import output
from jobs.commands import identity_review, listings
from jobs.commands.flags import Env, Json
from jobs.commands.named import named
from jobs.commands.opened import opened, writing

app = typer.Typer(
    no_args_is_help=True, help="Show, split, join and review people; preview what other rules would change."
)
app.add_typer(identity_review.app, name="review")

SAMPLE = 10
Known = Annotated[
    str, typer.Argument(help="type:value, such as anonymous_id:a-77 or email:jo@shop.example; 900 is a user_id.")
]


@app.command()
def show(identifier: Known, env: Env = "local", as_json: Json = False) -> None:
    """Show a person by any of their identifiers: all identifiers and links, since when, and what made them so.

    Of an e-mail address and a phone number only the token is known; they may be typed as they are.
    """
    from jobs.people.identity_view import person_of

    with opened("identity", env, "looking for the person") as lake:
        person = person_of(lake, named(lake, identifier))
    if as_json:
        typer.echo(json.dumps(asdict(person), default=str))
        return
    output.show(f"person {output.printable(person.person_id)}")
    output.show(listings.identifiers(person))
    if person.links:
        output.show("links:")
        output.show(listings.identity_links(person))
    if person.changes:
        output.show("changes:")
        output.show(listings.identity_changes(person))


@app.command()
def split(
    identifier: Known,
    other: Annotated[str, typer.Argument(help="The one that it is not to be linked with. Default: all others.")] = "",
    env: Env = "local",
) -> None:
    """Take back a wrong link: each of the two has the person id of before again. It outranks all that is seen later.

    Undo it with `lakehouse identity join`. The job silver.identities must not be running.
    """
    from jobs.people import operator_links

    with writing("silver.identities", "identity", env, "taking it back") as lake:
        pairs = operator_links.split(lake, named(lake, identifier), named(lake, other) if other else None)
    for left, right in pairs:
        output.show(f"{output.printable(str(left))} and {output.printable(str(right))} are not linked any more")


@app.command()
def join(identifier: Known, other: Known, env: Env = "local") -> None:
    """Link two identifiers by hand, within the limits of [identity]; undoes a split.

    The job silver.identities must not be running.
    """
    from jobs.people import operator_links

    with writing("silver.identities", "identity", env, "linking them") as lake:
        operator_links.join(lake, named(lake, identifier), named(lake, other))
    output.show(f"linked; see: lakehouse identity show {identifier}")


@app.command()
def preview(env: Env = "local", as_json: Json = False) -> None:
    """Say what [identity] in the settings, as it is now, would merge and split. Nothing is changed.

    The next run of silver.identities goes by it.
    """
    from jobs.people import identity_view

    with opened("identity", env, "working out all people") as lake:
        moves = identity_view.preview(lake)
    if as_json:
        typer.echo(json.dumps([asdict(move) for move in moves]))
        return
    merges = sum(move.kind == "merge" for move in moves)
    output.show(f"{merges:,} people would be merged into others, {len(moves) - merges:,} would be split off")
    if moves:
        output.show(listings.identity_moves(moves[:SAMPLE]))


@app.command()
def shared(env: Env = "local", as_json: Json = False) -> None:
    """List what too many people have for it to link anybody: kiosks, shop terminals, test addresses.

    The limits are identity.most_people and identity.most_links; what identity.junk lists is no identifier at all.
    """
    from jobs.people import identity_view

    with opened("identity", env, "looking for them") as lake:
        known = identity_view.shared(lake)
    if as_json:
        typer.echo(json.dumps([one._asdict() for one in known], default=str))
        return
    output.show(listings.shared_identifiers(known) if known else "no identifier is shared by too many people")

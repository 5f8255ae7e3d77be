"""`lakehouse identity review`: pairs of customers who may be one person, and what an operator says of them."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.flags import Env, Json
from jobs.people.identifier import Identifier
from jobs.settings import loading as settings

app = typer.Typer(
    no_args_is_help=True, help="Look through customers of the CRM who may be one person; accept or reject each pair."
)

One = Annotated[str, typer.Argument(help="type:value, such as crm_id:K-17; 900 is a user_id.")]
By = Annotated[str, typer.Option(help="Who decides, noted with the pair. Default: the name you are logged in by.")]


@app.command(name="list")
def list_(
    most: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many.")] = 20,
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Show the pairs that wait, the most probable first, and how alike their names, birth dates and addresses are.

    More is not known of these: look them up in the CRM.
    """
    from jobs.lake.session import open_lake
    from jobs.people.identity_review import waiting_pairs

    conf = settings.load(env)
    with output.waiting("looking for pairs"):
        pairs = waiting_pairs(open_lake("identity", conf), most)
    if as_json:
        typer.echo(json.dumps([asdict(pair) for pair in pairs], default=str))
        return
    output.show(listings.identity_review(pairs) if pairs else "no pair waits for review")


@app.command()
def accept(one: One, other: One, by: By = "", env: Env = "local") -> None:
    """Say that both are one person: they are linked, within the limits of [identity].

    The job silver.identities must not be running.
    """
    _decide(one, other, True, by, env)
    output.show(f"linked; see: lakehouse identity show {one}")


@app.command()
def reject(one: One, other: One, by: By = "", env: Env = "local") -> None:
    """Say that they are two people: the pair is never linked and never shown again.

    `lakehouse identity join` undoes it. The job silver.identities must not be running.
    """
    _decide(one, other, False, by, env)
    output.show("noted: they are two people")


def _decide(one: str, other: str, is_one_person: bool, by: str, env: str) -> None:
    from jobs.lake.session import open_lake
    from jobs.lake.writer_lock import writer_lock
    from jobs.people.identity_review import decide

    conf = settings.load(env)
    with writer_lock(conf.lake.root, "silver.identities"), output.waiting("noting it"):
        lake = open_lake("identity", conf)
        decide(lake, Identifier.parsed(one), Identifier.parsed(other), is_one_person, by)

"""`lakehouse keys`: the secrets that tokens are made with and that unreadable messages are encrypted with."""

import json
from typing import Annotated

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.flags import Env, Json
from jobs.privacy import keys
from jobs.settings import loading as settings

app = typer.Typer(no_args_is_help=True, help="Make and rotate the secrets of tokens and of encrypted messages.")


@app.command()
def new() -> None:
    """Print a new secret, for an environment variable that privacy.token_secrets or privacy.payload_keys names."""
    typer.echo(keys.new_secret())


@app.command()
def rotate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many rows; change nothing.")] = False,
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Bring every token of the lake to the newest version.

    First add a variable to privacy.token_secrets (never take one away: a newer token builds on the older ones) and
    set it, let the streams read what there is, and stop them. Safe to interrupt and to repeat: only rows with an
    older token are rewritten.
    """
    from jobs.lake.session import open_lake
    from jobs.privacy.rotate import rotate

    with output.waiting("rewriting rows with older tokens"):
        counts = rotate(open_lake("keys", settings.load(env)), dry_run)
    if as_json:
        typer.echo(json.dumps(counts))
        return
    output.show(listings.rewritten(counts, dry_run))

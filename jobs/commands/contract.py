"""`lakehouse contract`: whether a version of the event contract may follow another, and the contract as a page."""

from pathlib import Path
from typing import Annotated

import typer

from jobs import output
from jobs.commands.flags import Env
from jobs.errors import OperatorError
from jobs.settings import loading as settings

app = typer.Typer(no_args_is_help=True, help="Check and describe the event contract, expectations/contracts/.")


@app.command()
def check(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Such as expectations/contracts/purchase.v1.json.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The file that is to follow it.")],
) -> None:
    """Say whether messages valid under OLD are valid under NEW; exit 1 and say why if not."""
    from expectations.compatibility import breaking_changes
    from expectations.contract import read

    changes = breaking_changes(read(old), read(new))
    for line in changes or ["backward compatible"]:
        typer.echo(line)
    if changes:
        raise typer.Exit(1)


@app.command()
def page(
    to: Annotated[Path | None, typer.Option(help="The file to write. Default: print the page.")] = None,
    env: Env = "local",
) -> None:
    """Describe every field of the events and sources in Markdown, with an example of each version.

    Versions in the folder of the settings (contracts.folder) are described too."""
    from expectations.contract_page import contract_page, schemas_of
    from jobs.landing.contracts import in_force

    own = settings.load(env).contracts
    contract = in_force(own)()
    text = contract_page(contract, schemas_of(contract, Path(own.folder)))
    if to is None:
        typer.echo(text, nl=False)
        return
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"cannot write to {to}: {error.strerror}") from None
    output.show(f"wrote {to}")

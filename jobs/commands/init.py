"""`lakehouse init`: a folder to start a shop of one's own from."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs.errors import OperatorError


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; it is created if it does not exist.")],
) -> None:
    """Write settings, sample sources, an event contract, some events and a producer: a start for your own shop.

    Existing files are left alone, so it is safe to repeat.
    """
    from jobs.local import new_shop

    try:
        written = new_shop.write(folder, datetime.now(UTC))
    except OSError as error:
        raise OperatorError(f"cannot write to {folder}: {error.strerror}") from None
    for name, is_new in written.items():
        typer.echo(f"{'wrote' if is_new else 'kept '} {folder / name}")
    env = folder / "shop.toml"
    typer.echo(
        f"\nPut your catalogue and CRM in place of the samples, say in {env} what their columns hold, and then:\n"
        f"  lakehouse up --env {env}\n"
        f"  python {folder / 'produce.py'} < {folder / new_shop.EVENTS}\n"
        f"  lakehouse run all --env {env}\n"
        f"  lakehouse recommend {new_shop.CUSTOMERS[0]} --env {env}"
    )

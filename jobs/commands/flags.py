"""Options that many commands of `lakehouse` take."""

from typing import Annotated

import typer


def _noted(context: typer.Context, env: str) -> str:
    context.meta[ENV] = env
    return env


HELP = ["-h", "--help"]
ENV = "jobs.env"
"""Where a context keeps the --env in use, for hints."""
Env = Annotated[
    str,
    typer.Option(
        callback=_noted, help="Settings: local, cluster, another overlay in conf/, or the path of a TOML file."
    ),
]
AsOf = Annotated[str, typer.Option("--as-of", help="Look from this moment, ISO 8601. Default: now.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]

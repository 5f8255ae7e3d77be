"""Options that many commands of `lakehouse` take."""

from typing import Annotated

import typer

Env = Annotated[str, typer.Option(help="Settings overlay in conf/: local, cluster, or one of your own.")]
AsOf = Annotated[str, typer.Option("--as-of", help="Look from this moment, ISO 8601. Default: now.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]

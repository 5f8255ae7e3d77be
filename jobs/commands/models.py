"""`lakehouse models`: the versions that were learned, and which of them decides."""

import difflib
import json
from dataclasses import asdict
from typing import Annotated

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.flags import Env, Json
from jobs.errors import OperatorError, with_env
from jobs.settings import loading as settings

app = typer.Typer(no_args_is_help=True, help="List the versions of models, and say which one decides.")


@app.command(name="list")
def list_(env: Env = "local", as_json: Json = False) -> None:
    """List all versions in MLflow, each model's newest first. The champion decides what people see.

    The candidate is the one that was learned last; it is champion, too, unless it was not good enough or moves too many
    people.
    """
    from jobs.champions.tracking import registry_of
    from models import registry

    found = registry.versions(registry_of(settings.load(env)))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str))
        return
    output.show(listings.model_versions(found) if found else "nothing was learned yet; run: lakehouse run all")


@app.command()
def promote(
    model: Annotated[str, typer.Argument(help="Such as personas; `lakehouse models list` names them.")],
    version: Annotated[str, typer.Option(help="A former one takes a promotion back. Default: the newest.")] = "",
    env: Env = "local",
) -> None:
    """Make a version the champion, whatever was decided on it. Safe to repeat.

    The tables and Redis follow with the next runs of what comes after it, as the last line says.
    """
    from jobs.champions.tracking import registry_of
    from jobs.segment_rules.vocabulary import SCORES
    from models import registry

    where = registry_of(settings.load(env))
    found = registry.versions(where, model)
    if not found:
        names = sorted({one.name for one in registry.versions(where)})
        near = difflib.get_close_matches(model, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none'}"
        raise OperatorError(f"no model {model!r}; {hint}")
    chosen = next((one for one in found if one.version == (version or found[0].version)), None)
    if chosen is None:
        raise OperatorError(f"no version {version} of {model}; there are: {', '.join(one.version for one in found)}")
    before = next((one.version for one in found if registry.CHAMPION in one.aliases), "none")
    registry.set_alias(where, model, registry.CHAMPION, chosen.version)
    output.show(f"champion of {model}: version {chosen.version}; before: {before}")
    output.show(with_env(f"what follows it: lakehouse run {' '.join(_what_follows(model))}", env))
    if model in SCORES:
        output.show(with_env("rules that ask for it change as other rules do; see: lakehouse segments diff", env))


def _what_follows(model: str) -> list[str]:
    """The jobs that read the model, or what is made of it: what the lake and Redis are brought up to date by."""
    from jobs.job_list import building

    made, following = {f"models.{model}"}, []
    for job in building():
        if not job.stays and made.intersection(job.reads):
            made.update(job.writes)
            following.append(job.name)
    return following

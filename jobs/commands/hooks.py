"""`lakehouse hooks`: who is told that somebody enters or leaves a live segment, and what could not be told."""

import itertools
import json
from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.flags import Env, Json
from jobs.settings import loading as settings

app = typer.Typer(
    no_args_is_help=True, help="See who is told of live segments, test it, and replay what could not be told."
)

Target = Annotated[str, typer.Option(help="Only this one: a webhook's name in the settings, or kafka. Default: all.")]


@app.command()
def status(env: Env = "local", as_json: Json = False) -> None:
    """Show how many changes each was told, how many wait, and whether it takes what it is told.

    They are told while live.segments runs. overtaken: an enter that was not true any more when it could be told; lost:
    cut off the stream of changes, or off the dead letters, before it could be told. Both keep the last 100,000.
    """
    from jobs.hooks.status import statuses

    seen = statuses(settings.load(env))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in seen], default=str))
        return
    output.show(listings.hooks(seen))


@app.command()
def dead(
    target: Target = "",
    most: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many.")] = 20,
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Show the changes that were not told, the oldest first, and why: refused, or failed too often or for too long."""
    from jobs.hooks.status import letters

    shown = [*itertools.islice(letters(settings.load(env), target), most)]
    if as_json:
        lines = [{"target": name, **one.change._asdict(), "reason": one.reason} for name, one in shown]
        typer.echo(json.dumps(lines))
        return
    output.show(listings.dead_letters(shown) if shown else "no dead letters")


@app.command()
def replay(target: Target = "", env: Env = "local", as_json: Json = False) -> None:
    """Tell the dead letters again, the oldest first, once what kept them is mended. Safe to interrupt and to repeat.

    What is the other way round by now, as of somebody who has left since, is not told any more. One that is not taken
    stays; exit 1 then. A receiver knows a repetition by its webhook-id.
    """
    from jobs.hooks import replay as letters
    from jobs.hooks.targets import target_names

    conf = settings.load(env)
    counts: dict[str, Counter[str]] = {}
    with output.progress() as progress:
        for name in target_names(conf, target):
            counts[name] = Counter(told=0, overtaken=0, not_taken=0)
            for outcome in progress.track(letters.replay(conf, name), letters.count(conf, name), description=name):
                counts[name][outcome] += 1
    if as_json:
        typer.echo(json.dumps(counts))
    else:
        for name, of_target in counts.items():
            parts = [f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in of_target.items()]
            output.show(f"{name}: {', '.join(parts)}")
    if any(of_target["not_taken"] for of_target in counts.values()):
        raise typer.Exit(1)


@app.command()
def test(
    target: Annotated[str, typer.Argument(help="A webhook's name in the settings, or kafka.")],
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Tell one of nobody, and say what it answers: whether address, secret and receiver fit.

    The message is signed as every other is; its type is segment.test.
    """
    from jobs.hooks import replay as letters

    answer = letters.test(settings.load(env), target)
    if as_json:
        typer.echo(json.dumps({"target": target, "answer": answer.reason}))
        return
    output.show(f"{target}: taken ({answer.reason})")

"""`lakehouse`: the one command line. Every command says what to do next when it cannot go on."""

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from jobs import output
from jobs.commands import listings
from jobs.commands.contract import app as contract
from jobs.commands.flags import HELP, Env, Json
from jobs.commands.group import OneLineErrors
from jobs.commands.hooks import app as hooks
from jobs.commands.identity import app as identity
from jobs.commands.init import init
from jobs.commands.jobs import list_jobs, run
from jobs.commands.keys import app as keys
from jobs.commands.maintain import maintain
from jobs.commands.models import app as models
from jobs.commands.profiles import app as profile
from jobs.commands.quality import app as quality
from jobs.commands.quarantine import app as quarantine
from jobs.commands.segments import app as segments
from jobs.commands.streams import app as streams
from jobs.job import moment
from jobs.settings import loading as settings

app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": HELP},
    help="Turn a shop's events into what each visitor should see next.",
)

Households = Annotated[
    int | None, typer.Option(min=10, help="Only this many households of the shop. Default: all 2,469.")
]


def _version(asked: bool) -> None:
    if asked:
        output.show(f"lakehouse-personalization {version('lakehouse-personalization')}")
        raise typer.Exit


@app.callback()
def every_command(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    output.log_to_stderr()


@app.command()
def up(env: Env = "local") -> None:
    """Start the local Kafka broker and Redis, unless the settings point elsewhere. Safe to repeat."""
    from jobs.local import services

    conf = settings.load(env)
    for line in services.up(conf):
        output.show(line)
    services.ensure_topic(conf)


@app.command()
def down(env: Env = "local") -> None:
    """Stop what `up` started, and nothing else. Data stays."""
    from jobs.local import services

    for line in services.down(settings.load(env)):
        output.show(line)


@app.command()
def status(env: Env = "local", as_json: Json = False) -> None:
    """Show whether the broker and Redis answer, how far the streams are, and what became of the messages.

    Exit 1 when the broker or Redis does not answer."""
    from jobs.job_list import all_jobs
    from jobs.ledger.message_counts import message_counts
    from jobs.local import services
    from jobs.supervision import lag

    conf = settings.load(env)
    statuses, messages = services.status(conf), message_counts(conf)
    answers = all(service.answers for service in statuses if service.service == "kafka")
    streams = lag.statuses(conf, [*all_jobs().values()], asks_kafka=answers)
    if as_json:
        report = {
            "services": [asdict(service) for service in statuses],
            "streams": [asdict(stream) for stream in streams],
            "messages": messages and asdict(messages),
        }
        typer.echo(json.dumps(report, default=str))
    else:
        output.show(listings.services(statuses))
        if streams:
            output.show("streams:")
            output.show(listings.streams(streams))
        if messages is not None:
            output.show("messages:")
            output.show(listings.messages(messages))
    if not all(service.answers for service in statuses):
        raise typer.Exit(1)


@app.command()
def logs(
    names: Annotated[list[str] | None, typer.Argument(help="Which: kafka, redis, streams, ... Default: all.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines from the end of each.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing new lines, until Ctrl-C.")] = False,
    env: Env = "local",
) -> None:
    """Show what the local services, the streams and Airflow wrote on this machine."""
    from jobs.local import logs

    logs.show(settings.load(env), names or (), lines, follow)


@app.command()
def demo(env: Env = "local", households: Households = None) -> None:
    """Take a real retailer's year from Kafka to recommendations in Redis, and check what came out."""
    from jobs.local import demo

    demo.run(settings.load(env), households)


@app.command()
def simulate(
    speed: Annotated[str, typer.Option(help="Seconds of shop time per second, such as 60x or 3600x.")] = "60x",
    start: Annotated[str, typer.Option("--from", help="Begin at this moment of 2017, ISO 8601.")] = "",
    households: Households = None,
    env: Env = "local",
) -> None:
    """Send the shop's events at a multiple of their real pace. Ctrl-C stops; what was sent stays sent."""
    from jobs.local import services
    from jobs.local.shop import journey, producer

    factor = producer.parse_speed(speed)
    begin = moment(start) if start else None
    conf = settings.load(env)
    services.up(conf)
    services.ensure_topic(conf)
    with output.progress() as progress:
        outcome = producer.simulate(conf, journey.messages(households, conf.local.seed), factor, begin, progress)
    output.show(f"{outcome.sent:,} messages in {outcome.seconds:.0f} s")


@app.command()
def recommend(
    person: Annotated[
        str, typer.Argument(help="Any identifier of the visitor: a user_id (900 in the demo) or anonymous_id:a-77.")
    ],
    segment: Annotated[str, typer.Option(help="The visitor's segment, for someone without a list.")] = "",
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Read what a page would show this person, from Redis alone."""
    from jobs.serve.recommended import recommended

    answer = recommended(settings.load(env).redis, person, segment)
    if as_json:
        typer.echo(json.dumps(asdict(answer)))
        return
    output.show(f"{answer.whose}, version {answer.version}")
    output.show(listings.page(answer))


@app.command()
def reconcile(env: Env = "local", as_json: Json = False) -> None:
    """Recount, from Kafka and the tables, what became of every offset; exit 1 where ops.ledger differs."""
    from jobs.lake.session import open_lake
    from jobs.ledger import reconcile

    balance = reconcile.reconcile(open_lake("ledger.reconcile", settings.load(env)))
    if as_json:
        typer.echo(json.dumps(asdict(balance)))
    else:
        output.show(listings.accounts(balance.accounts))
    reconcile.require(balance)


app.add_typer(contract, name="contract")
app.add_typer(quarantine, name="quarantine")
app.add_typer(keys, name="keys")
app.add_typer(quality, name="quality")
app.add_typer(streams, name="streams")
app.add_typer(identity, name="identity")
app.add_typer(profile, name="profile")
app.add_typer(segments, name="segments")
app.add_typer(models, name="models")
app.add_typer(hooks, name="hooks")
app.command()(init)
app.command()(run)
app.command(name="jobs")(list_jobs)
app.command()(maintain)


@app.command(name="zip")
def zip_(target: Annotated[Path, typer.Argument(help="The file to write.")] = Path("dist/app.zip")) -> None:
    """Pack the code and conf/ for `spark-submit --py-files`."""
    from jobs.local import app_zip

    output.show(f"wrote {app_zip.build(settings.load().project, target)}")


@app.command()
def airflow(env: Env = "local") -> None:
    """Start Airflow on this laptop, in the foreground, with this project's DAGs."""
    from jobs.local import demo, scheduler, services

    conf = settings.load(env)
    services.up(conf)
    scheduler.start(conf, demo.AS_OF if demo.is_demo(conf) else None)

"""`lakehouse`: the one command line. Every command says what to do next when it cannot go on."""

import json
import logging
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table
from typer.core import TyperGroup

from jobs.commands.flags import Env, Json
from jobs.commands.init import init
from jobs.commands.jobs import list_jobs, run
from jobs.commands.keys import app as keys
from jobs.commands.maintain import maintain
from jobs.commands.quality import app as quality
from jobs.commands.quarantine import app as quarantine
from jobs.commands.streams import app as streams
from jobs.errors import OPERATOR_ERRORS
from jobs.job import moment
from jobs.settings import loading as settings

console = Console()


class Operated(TyperGroup):
    """Prints what an operator can mend as one line, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except OPERATOR_ERRORS as error:
            typer.secho(f"error: {error}", fg="red", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt as interrupt:
            typer.secho(f"interrupted; {str(interrupt) or 'the same command carries on'}", fg="yellow", err=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Operated,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A shop's events in, what each visitor should see next out.",
)

Households = Annotated[
    int | None, typer.Option(min=10, help="Only so many households of the shop. Default: all 2,469.")
]


@app.callback()
def every_command() -> None:
    # Progress goes where errors go, so that stdout holds the answer alone.
    progress = Console(stderr=True)
    handler = RichHandler(console=progress, show_path=False, show_level=False, log_time_format="%H:%M:%S")
    # What py4j says of an interrupted JVM helps nobody, and it says it by the root logger.
    handler.addFilter(lambda record: "py4j" not in record.pathname)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])


@app.command()
def up(env: Env = "local") -> None:
    """Start the local Kafka broker and Redis, unless the settings point elsewhere. Safe to repeat."""
    from jobs.local import services

    conf = settings.load(env)
    for line in services.up(conf):
        console.print(line)
    services.ensure_topic(conf)


@app.command()
def down(env: Env = "local") -> None:
    """Stop what `up` started, and nothing else. Data stays."""
    from jobs.local import services

    for line in services.down(settings.load(env)):
        console.print(line)


@app.command()
def status(env: Env = "local", as_json: Json = False) -> None:
    """Show whether the broker and Redis answer, and what became of the messages. Exit 1 when one does not answer."""
    from jobs.ledger.message_counts import message_counts
    from jobs.local import services

    conf = settings.load(env)
    statuses, messages = services.status(conf), message_counts(conf)
    if as_json:
        report = {"services": [asdict(service) for service in statuses], "messages": messages and asdict(messages)}
        typer.echo(json.dumps(report))
    else:
        table = Table("service", "address", "started here", "pid", "answers")
        for one in statuses:
            table.add_row(one.service, one.address, str(one.managed), str(one.pid or ""), str(one.answers))
        console.print(table)
        if messages is not None:
            counts = Table(*[name for name, _ in messages.lines()], title="messages", box=box.SIMPLE)
            counts.add_row(*[count for _, count in messages.lines()])
            console.print(counts)
    if not all(service.answers for service in statuses):
        raise typer.Exit(1)


@app.command()
def demo(env: Env = "local", households: Households = None) -> None:
    """A real retailer's year, from Kafka to a recommendation read back from Redis."""
    from jobs.local import demo

    demo.run(settings.load(env), households)


@app.command()
def simulate(
    speed: Annotated[str, typer.Option(help="How many seconds of shop time pass in one: 60x, 3600x.")] = "60x",
    start: Annotated[str, typer.Option("--from", help="Begin at this moment of 2017, ISO 8601.")] = "",
    households: Households = None,
    env: Env = "local",
) -> None:
    """Send the shop's events at a multiple of their real pace. Ctrl-C stops; what was sent stays sent."""
    from rich.progress import Progress

    from jobs.local import services
    from jobs.local.shop import journey, producer

    factor = producer.parse_speed(speed)
    begin = moment(start) if start else None
    conf = settings.load(env)
    services.up(conf)
    services.ensure_topic(conf)
    with Progress(console=console) as progress:
        outcome = producer.simulate(conf, journey.messages(households, conf.local.seed), factor, begin, progress)
    console.print(f"{outcome.sent:,} messages in {outcome.seconds:.0f} s")


@app.command()
def recommend(
    person: Annotated[str, typer.Argument(help="A person id, such as 900 in the demo.")],
    segment: Annotated[str, typer.Option(help="The visitor's segment, for someone without a list.")] = "",
    env: Env = "local",
    as_json: Json = False,
) -> None:
    """Read what a page would show this person, from Redis alone."""
    from jobs.serve import reasons
    from jobs.serve.recommended import recommended

    answer = recommended(settings.load(env).redis, person, segment)
    if as_json:
        typer.echo(json.dumps(asdict(answer)))
        return
    table = Table("slot", "item", "title", "price", "reason", title=f"{answer.whose}, version {answer.version}")
    for item in answer.items:
        price = "" if item.price is None else f"{item.price:.2f} {item.currency or ''}".rstrip()
        table.add_row(item.slot, item.item_id, item.title or "", price, reasons.text(item.reason, item.reason_values))
    console.print(table)


@app.command()
def reconcile(env: Env = "local", as_json: Json = False) -> None:
    """Count again, from Kafka and the tables, what became of every offset; exit 1 where ops.ledger differs."""
    from jobs.lake.session import open_lake
    from jobs.ledger import reconcile
    from jobs.ledger.accounts import Account

    balance = reconcile.reconcile(open_lake("ledger.reconcile", settings.load(env)))
    if as_json:
        typer.echo(json.dumps(asdict(balance)))
    else:
        names = [one.name for one in fields(Account)[3:]]
        table = Table("partition", *names, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
        for account in balance.accounts:
            topic, _, partition, *counts = asdict(account).values()
            table.add_row(f"{topic}-{partition}", *[f"{count:,}" for count in counts])
        console.print(table)
    reconcile.require(balance)


contract = typer.Typer(no_args_is_help=True, help="The event contract: expectations/contracts/.")
app.add_typer(contract, name="contract")
app.add_typer(quarantine, name="quarantine")
app.add_typer(keys, name="keys")
app.add_typer(quality, name="quality")
app.add_typer(streams, name="streams")
app.command()(init)
app.command()(run)
app.command(name="jobs")(list_jobs)
app.command()(maintain)


@contract.command()
def check(
    old: Annotated[Path, typer.Argument(help="The version in use, such as expectations/contracts/purchase.v1.json.")],
    new: Annotated[Path, typer.Argument(help="The version to come.")],
) -> None:
    """Say whether messages of the OLD version still fit the NEW one; exit 1 and say why when not."""
    from expectations.compatibility import breaking_changes
    from expectations.contract import read

    changes = breaking_changes(read(old), read(new))
    for line in changes or ["backward compatible"]:
        typer.echo(line)
    if changes:
        raise typer.Exit(1)


@app.command(name="zip")
def zip_(target: Annotated[Path, typer.Argument()] = Path("dist/app.zip")) -> None:
    """Pack the code and conf/ for `spark-submit --py-files`."""
    from jobs.local import app_zip

    console.print(f"wrote {app_zip.build(settings.load().project, target)}")


@app.command()
def airflow(env: Env = "local") -> None:
    """Start Airflow on this laptop, in the foreground, with this project's DAGs."""
    from jobs.local import demo, scheduler, services

    conf = settings.load(env)
    services.up(conf)
    scheduler.start(conf, demo.AS_OF if demo.is_demo(conf) else None)

"""`lakehouse streams`: all of them kept running, and lost checkpoints begun anew."""

import logging
import signal
import threading
from datetime import UTC, datetime
from typing import Annotated

import typer

from jobs import job_list
from jobs.commands.flags import Env
from jobs.errors import OperatorError
from jobs.settings import loading as settings

app = typer.Typer(no_args_is_help=True, help="Keep the streams running, and rebuild lost checkpoints.")
log = logging.getLogger(__name__)


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(help="Only these streams. Default: all.")] = None,
    env: Env = "local",
    port: Annotated[int | None, typer.Option(help="Port of the health check. Default: streaming.health_port.")] = None,
) -> None:
    """Keep the streams running in one process until Ctrl-C; one that fails is started again, with backoff.

    Every ten seconds a line for each says how far it is behind. GET on the health port answers 200 while all run, else
    503, with JSON. After a kill at any instant the same command carries on.
    """
    from jobs.job import Options
    from jobs.lake.session import open_lake
    from jobs.local.logs import write_too
    from jobs.supervision import health
    from jobs.supervision.report import Report
    from jobs.supervision.supervisor import Stream, supervise

    conf = settings.load(env)
    every = [job for job in job_list.all_jobs().values() if job.stays]
    by_name = {job.name: job for job in every}
    if others := [name for name in names or () if name not in by_name]:
        raise OperatorError(f"{', '.join(others)} is no stream; the streams are: {', '.join(by_name)}")
    jobs = [by_name[name] for name in dict.fromkeys(names)] if names else every
    for job in jobs:
        job.before(conf)
    write_too(conf, "streams")
    streams, stop = [Stream(job) for job in jobs], threading.Event()
    report = Report(conf, streams)
    host = conf.streaming.health_host
    with health.served(host, conf.streaming.health_port if port is None else port, report.state) as at:
        log.info("streams: health on http://%s:%d; Ctrl-C ends them", host, at)
        lake = open_lake("streams", conf)
        for number in (signal.SIGTERM, signal.SIGINT):  # not before: with its session Spark sets a handler of its own
            signal.signal(number, lambda *_: stop.set())
        supervise(lake, streams, Options(datetime.now(UTC), continuous=True), stop, report.said)
    log.info("streams: stopped; the same command carries on")


@app.command()
def rebuild(
    names: Annotated[list[str], typer.Argument(help="The streams, such as silver.events.")], env: Env = "local"
) -> None:
    """Rebuild the lost checkpoint of a stream from what the tables hold.

    Nothing is landed or counted twice: bronze.events continues after what it has, silver.events skips what ops.ledger
    accounts for, silver.interactions and silver.consents are rebuilt from silver.events, and live.consents and
    silver.identities read again what they may safely read twice. The stream must not be running. Safe to repeat.
    """
    from jobs.lake.session import open_lake
    from jobs.lake.writer_lock import writer_lock

    streams = [job_list.job_named(name) for name in names]
    ending = [stream.name for stream in streams if stream.rebuild is None]
    if ending:
        rebuildable = [job.name for job in job_list.all_jobs().values() if job.rebuild is not None]
        raise OperatorError(f"{', '.join(ending)} has no checkpoint; the streams are: {', '.join(rebuildable)}")
    conf = settings.load(env)
    for stream in streams:
        with writer_lock(conf.lake.root, stream.name):
            assert stream.rebuild is not None
            stream.rebuild(open_lake("streams", conf))
        log.info("%s: rebuilt; its next run goes on from what the tables hold", stream.name)

"""`lakehouse streams`: what the streams' checkpoints are, and lost ones begun anew."""

import logging
from typing import Annotated

import typer

from jobs import job_list
from jobs.commands.flags import Env
from jobs.errors import OperatorError
from jobs.settings import loading as settings

app = typer.Typer(no_args_is_help=True, help="The streams' checkpoints.")
log = logging.getLogger(__name__)


@app.command()
def rebuild(
    names: Annotated[list[str], typer.Argument(help="The streams, such as silver.events.")], env: Env = "local"
) -> None:
    """Begin a stream's checkpoint anew from what the tables hold, when it is lost.

    Nothing is read or counted twice: bronze.events goes on behind what it has, silver.events passes over what
    ops.ledger accounts for, silver.interactions and silver.consents are made anew of silver.events, and live.consents
    hears again what it may hear twice. The stream must not run meanwhile. Safe to repeat.
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

"""The lake as a command opens it: with a word of what it waits for, and alone where it writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobs import output
from jobs.settings import loading as settings

if TYPE_CHECKING:
    from jobs.lake.lake import Lake


@contextmanager
def opened(command: str, env: str, what: str) -> "Iterator[Lake]":
    """`what`: it is shown while the block lasts."""
    from jobs.lake.session import open_lake

    conf = settings.load(env)
    with output.waiting(what):
        yield open_lake(command, conf)


@contextmanager
def writing(job: str, command: str, env: str, what: str) -> "Iterator[Lake]":
    """The same in place of the job, which must not be running. Raises OperatorError while it is."""
    from jobs.lake.writer_lock import writer_lock

    with writer_lock(settings.load(env).lake.root, job), opened(command, env, what) as lake:
        yield lake

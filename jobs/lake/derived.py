"""A table that a stream derives from another table, event by event: filled, and made anew."""

import logging
from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql.streaming import DataStreamWriter

from jobs.lake import checkpoints, commits, streams, tables
from jobs.lake.lake import Lake

log = logging.getLogger(__name__)


def run(
    lake: Lake,
    name: str,
    source: str,
    every_seconds: float | None,
    writer_of: Callable[[DataFrame], DataStreamWriter],
) -> int:
    """Streams the source's new rows into the table; begins again where it was when the source gets new fields.

    `writer_of`: the writer, not started, of a stream of the source's rows. Returns how many rows it read, 0 of one that
    stays. Raises OperatorError as streams.run does.
    """
    tables.create(lake, name)
    checkpoint = checkpoints.current(lake, name, name)
    if not checkpoints.has_source(lake, checkpoint, source, every_seconds):
        return 0
    while True:
        version = tables.version(lake, source)
        options = checkpoints.options(checkpoint)
        rows = tables.stream(lake, source, **options)
        try:
            read = streams.run(name, writer_of(rows), every_seconds, checkpoint)
            if every_seconds is not None:
                return 0
            return commits.rows_streamed(lake, source, read, options.get("startingVersion"))
        except streams.SourceGrew:
            if tables.version(lake, source) == version:
                raise
            log.info("%s: %s has new fields; reading on with them", name, source)


def rebuild(lake: Lake, name: str, source: str, as_rows: Callable[[DataFrame], DataFrame]) -> None:
    """Makes the table anew of all rows of the source, in one commit, and begins a checkpoint behind them.

    Killed in between, it must be done again: going on from the former checkpoint would double rows, so that goes first.
    """
    version = tables.version(lake, source)
    checkpoints.retire(lake, name)
    tables.remake(lake, name, as_rows(tables.read(lake, source, version)))
    checkpoints.begin(lake, name, reason="rebuilt", starting_version=version + 1)

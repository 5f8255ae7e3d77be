"""Running one stream to its end, or for ever."""

import gc
import logging
import re
from collections.abc import Callable

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import DataStreamWriter

from jobs.errors import OperatorError
from jobs.lake.checkpoints import Checkpoint

log = logging.getLogger(__name__)


class SourceGrew(OperatorError):
    """The table that a stream reads got new fields or a wider type: a stream set up anew reads on where it was."""


def run(name: str, writer: DataStreamWriter, every_seconds: int | None, checkpoint: Checkpoint) -> None:
    """Starts the stream that feeds table `name` and waits: for all there is now, or for ever where there is a number of
    seconds from one micro-batch to the next.

    Raises OperatorError when the stream fails; the checkpoint stays good, so running it again carries on. One that was
    raised while a micro-batch was landed is told in its own words.
    Raises SourceGrew, which is one, when it fails because its source is a table that has new fields now.
    """
    if every_seconds is None:
        writer = writer.trigger(availableNow=True)
    else:
        writer = writer.trigger(processingTime=f"{every_seconds} seconds")
    query = writer.queryName(name).option("checkpointLocation", checkpoint.path).start()
    reported = -1
    try:
        while not query.awaitTermination(1):
            progress = query.lastProgress
            if progress is not None and progress.batchId > reported:
                reported = progress.batchId
                log.info("%s: batch %d, %s rows", name, reported, f"{progress.numInputRows:,}")
                # Py4J's proxies are cycles (a proxy keeps its methods, each of them the proxy), and each holds its
                # frame and the frame's plans in the JVM: left to Python's own pace, they filled a heap of 1 GiB.
                gc.collect()
    except StreamingQueryException as error:
        cause = _operators_line(str(error)) or f"{str(error).strip().splitlines()[0]:.300}"
        kind = SourceGrew if "[DELTA_SCHEMA_CHANGED" in str(error) else OperatorError
        raise kind(f"{name} stopped: {cause}; nothing is lost, run it again to carry on") from error
    finally:
        if query.isActive:
            query.stop()
        SparkSession.active().sparkContext.setLogLevel("ERROR")


def quiet(land: Callable[[DataFrame, int], None]) -> Callable[[DataFrame, int], None]:
    """`land`, for foreachBatch: Spark does not print the traceback of what an operator can mend and is told of."""

    def landed(batch: DataFrame, number: int) -> None:
        try:
            land(batch, number)
        except OperatorError:
            batch.sparkSession.sparkContext.setLogLevel("OFF")
            raise

    return landed


def _operators_line(text: str) -> str | None:
    """The message of the OperatorError, or of a kind of it, that ended the stream: Spark has it as a traceback's last
    line."""
    names, classes = [], [OperatorError]
    while classes:
        one = classes.pop()
        names.append(one.__name__)
        classes += one.__subclasses__()
    line = re.search(rf"^(?:\w+\.)*(?:{'|'.join(names)}): (.+)$", text, re.MULTILINE)
    return line[1] if line else None


def query_id(batch: DataFrame) -> str:
    """The id of the streaming query whose foreachBatch this is; it lies in the checkpoint and lives with it."""
    return str(batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId"))

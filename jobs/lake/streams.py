"""Running one stream to its end, or for ever."""

import gc
import json
import logging
import re
from collections.abc import Callable

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import DataStreamWriter, StreamingQuery
from pyspark.sql.streaming.listener import StreamingQueryProgress

from jobs.errors import OperatorError
from jobs.lake.checkpoints import Checkpoint

log = logging.getLogger(__name__)


class SourceGrew(OperatorError):
    """The table that a stream reads got new fields or a wider type: a stream set up anew reads on where it was."""


def run(name: str, writer: DataStreamWriter, every_seconds: int | None, checkpoint: Checkpoint) -> int:
    """Starts the stream that feeds table `name` and waits: for all there is now, or for ever where there is a number of
    seconds from one micro-batch to the next. Returns how many rows it read.

    Raises OperatorError when the stream fails; the checkpoint stays good, so running it again carries on. One that was
    raised while a micro-batch was landed is told in its own words.
    Raises SourceGrew, which is one, when it fails because its source is a table that has new fields now.
    """
    if every_seconds is None:
        writer = writer.trigger(availableNow=True)
    else:
        writer = writer.trigger(processingTime=f"{every_seconds} seconds")
    query = writer.queryName(name).option("checkpointLocation", checkpoint.path).start()
    rows, reported, ended = 0, -1, False
    try:
        while not ended:
            ended = bool(query.awaitTermination(1))
            for batch in _since(query, reported):
                rows, reported = rows + batch.numInputRows, batch.batchId
                log.info("%s: batch %d, %s rows%s", name, reported, f"{batch.numInputRows:,}", _behind(batch))
                # Py4J's proxies are cycles (a proxy keeps its methods, each of them the proxy), and each holds its
                # frame and the frame's plans in the JVM: left to Python's own pace, they filled a heap of 1 GiB.
                gc.collect()
        return rows
    except StreamingQueryException as error:
        cause = _operators_line(str(error)) or f"{str(error).strip().splitlines()[0]:.300}"
        kind = SourceGrew if "[DELTA_SCHEMA_CHANGED" in str(error) else OperatorError
        raise kind(f"{name} stopped: {cause}; nothing is lost, run it again to carry on") from error
    finally:
        if query.isActive:
            query.stop()
        SparkSession.active().sparkContext.setLogLevel("ERROR")


def _since(query: StreamingQuery, reported: int) -> list[StreamingQueryProgress]:
    """What Spark says of the micro-batches after number `reported`, the oldest first."""
    last = query.lastProgress
    if last is None or last.batchId <= reported:
        return []
    new = [last] if last.batchId == reported + 1 else query.recentProgress
    return [one for one in new if one.batchId > reported and one.numInputRows > 0]


def _behind(batch: StreamingQueryProgress) -> str:
    """How much was there when the batch began, and not yet read behind it."""
    source = batch.sources[0]
    if "numFilesOutstanding" in source.metrics:
        files, size = (float(source.metrics[f"num{name}Outstanding"]) for name in ("Files", "Bytes"))
        return f", {files:,.0f} files ({size / 2**20:,.1f} MiB) behind" if files else ""
    end, latest = (json.loads(offsets or "{}") for offsets in (source.endOffset, source.latestOffset))
    behind = sum(
        last - end.get(topic, {}).get(partition, last)
        for topic, partitions in latest.items()
        for partition, last in partitions.items()
    )
    return f", {behind:,} messages behind" if behind else ""


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

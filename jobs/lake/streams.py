"""Running one stream to its end, or for ever."""

import gc
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import DataStreamWriter, StreamingQuery
from pyspark.sql.streaming.listener import StreamingQueryProgress

from jobs.errors import OperatorError
from jobs.lake.checkpoints import Checkpoint

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Read:
    """What a run of a stream read. `start`, `end`: the first micro-batch's start and the last one's end as its source
    writes them, None where it began anew, and where there was none. `messages`: of Kafka, by their offsets.
    """

    start: Any = None
    end: Any = None
    messages: int = 0

    def then(self, batch: StreamingQueryProgress) -> "Read":
        """With one more micro-batch."""
        source = batch.sources[0]
        start, end, messages = _offsets(source.startOffset), _offsets(source.endOffset), 0
        if "Kafka" in source.description:
            messages = _messages(start, end) if start else batch.numInputRows
        return Read(start if self.end is None else self.start, end, self.messages + messages)


class SourceGrew(OperatorError):
    """The table that a stream reads got new fields or a wider type: a stream set up anew reads on where it was."""


def run(name: str, writer: DataStreamWriter, every_seconds: float | None, checkpoint: Checkpoint) -> Read:
    """Starts the stream that feeds table `name` and waits: for all there is now, or for ever where there is a number of
    seconds from one micro-batch to the next. Returns what it read.

    Raises OperatorError when the stream fails; the checkpoint stays good, so running it again carries on. One that was
    raised while a micro-batch was landed is told in its own words.
    Raises SourceGrew, which is one, when it fails because its source is a table that has new fields now.
    """
    if every_seconds is None:
        writer = writer.trigger(availableNow=True)
    else:
        writer = writer.trigger(processingTime=f"{every_seconds:.3f} seconds")
    query = writer.queryName(name).option("checkpointLocation", checkpoint.path).start()
    read, reported, ended = Read(), -1, False
    try:
        while not ended:
            ended = bool(query.awaitTermination(1))
            batches, reported = _since(query, reported)
            for batch in batches:
                read = read.then(batch)
                log.info("%s: batch %d%s", name, batch.batchId, _described(batch))
                # Py4J's proxies are cycles (a proxy keeps its methods, each of them the proxy), and each holds its
                # frame and the frame's plans in the JVM: left to Python's own pace, they filled a heap of 1 GiB.
                gc.collect()
        return read
    except StreamingQueryException as error:
        cause = _operators_line(str(error)) or f"{str(error).strip().splitlines()[0]:.300}"
        kind = SourceGrew if "[DELTA_SCHEMA_CHANGED" in str(error) else OperatorError
        raise kind(f"{name} stopped: {cause}; nothing is lost, run it again to carry on") from error
    finally:
        if query.isActive:
            query.stop()
        SparkSession.active().sparkContext.setLogLevel("ERROR")


def _since(query: StreamingQuery, reported: int) -> tuple[list[StreamingQueryProgress], int]:
    """What Spark says of the micro-batches with rows after number `reported`, the oldest first; and up to which number
    all has been said. While it waits, a stream speaks again and again of the next batch, as one without rows."""
    last = query.lastProgress
    if last is None or last.batchId <= reported:
        return [], reported
    said = [last] if last.batchId == reported + 1 else query.recentProgress
    new = [one for one in said if reported < one.batchId <= last.batchId and one.numInputRows > 0]
    return new, last.batchId - (0 if last.numInputRows > 0 else 1)


def _described(batch: StreamingQueryProgress) -> str:
    """What a micro-batch read, and what was there when it began and is still to be read."""
    source = batch.sources[0]
    if "Kafka" not in source.description:
        metrics = source.metrics or {}
        files, size = (float(metrics.get(f"num{what}Outstanding", 0)) for what in ("Files", "Bytes"))
        return f", {files:,.0f} files ({size / 2**20:,.1f} MiB) behind" if files else ""
    behind = _messages(_offsets(source.endOffset), _offsets(source.latestOffset))
    return f", {Read().then(batch).messages:,} messages" + (f", {behind:,} behind" if behind else "")


def _offsets(text: str | None) -> Any:
    return json.loads(text or "null")


def _messages(start: Any, end: Any) -> int:
    """Offsets of Kafka from one to the other, of the partitions that both name."""
    ends = {(topic, partition): last for topic, lasts in (end or {}).items() for partition, last in lasts.items()}
    return sum(last - start[topic].get(partition, last) for (topic, partition), last in ends.items() if topic in start)


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

"""Running one stream to its end, or for ever, and reaching what it reads from."""

import gc
import logging
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import DataStreamWriter

from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.settings.loading import Settings

log = logging.getLogger(__name__)


class SourceGrew(OperatorError):
    """The table that a stream reads got new fields or a wider type: a stream set up anew reads on where it was."""


def run(writer: DataStreamWriter, spark: SparkSession, name: str, settings: Settings, continuous: bool) -> None:
    """Starts the stream that feeds table `name` and waits: for all there is now, or for ever if continuous.

    Raises OperatorError when the stream fails; the checkpoint stays good, so running it again carries on.
    Raises SourceGrew, which is one, when it fails because its source is a table that has new fields now.
    """
    seconds = f"{settings.streaming.trigger_seconds} seconds"
    writer = writer.trigger(processingTime=seconds) if continuous else writer.trigger(availableNow=True)
    query = writer.queryName(name).option("checkpointLocation", tables.checkpoint(spark, name)).start()
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
        cause = str(error).strip().splitlines()[0]
        kind = SourceGrew if "[DELTA_SCHEMA_CHANGED" in str(error) else OperatorError
        raise kind(f"{name} stopped: {cause:.300}; nothing is lost, run it again to carry on") from error
    finally:
        if query.isActive:
            query.stop()


def query_id(batch: DataFrame) -> str:
    """The id of the streaming query whose foreachBatch this is; it lies in the checkpoint and lives with it."""
    return str(batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId"))


def require_topic(settings: Settings) -> None:
    """Raises OperatorError unless the brokers answer and hold the topic, within settings.kafka.connect_seconds."""
    kafka = settings.kafka
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    until = time.monotonic() + kafka.connect_seconds
    try:
        topics = admin.list_topics(timeout=kafka.connect_seconds).topics
        while kafka.topic not in topics and time.monotonic() < until - kafka.connect_seconds + 3:
            time.sleep(0.2)  # a topic just made is not at once in the metadata
            topics = admin.list_topics(timeout=max(0.1, until - time.monotonic())).topics
    except KafkaException:
        raise OperatorError(
            f"no Kafka broker answers at {kafka.bootstrap} (setting kafka.bootstrap); start one with: lakehouse up"
        ) from None
    if kafka.topic not in topics:
        raise OperatorError(f"Kafka at {kafka.bootstrap} has no topic {kafka.topic} (setting kafka.topic)")

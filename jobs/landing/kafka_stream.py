"""A stream that reads the topic: from where it was, and never past messages that nobody landed.

What a row came from is a topic, the topic's id, a partition and an offset. Kafka gives a topic that is made anew
under its old name another id, and counts its offsets from 0 again; to Spark it is the old topic. So the id is asked
for before and after each micro-batch, and a new one is a new generation: read from its start, in a checkpoint of its
own (or refused: setting kafka.recreated_topic). Messages that the topic lost before they were landed are told of by
partition and number, and passed over only when that is asked for.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.errors import OperatorError
from jobs.lake import checkpoints, streams
from jobs.lake.checkpoints import Checkpoint
from jobs.lake.lake import Lake
from jobs.landing import positions, topic
from jobs.landing.positions import Gone

log = logging.getLogger(__name__)

Land = Callable[[DataFrame, int], None]
OnLoss = Callable[[Lake, Checkpoint, Sequence[Gone]], None]
FROM_THE_START = -2  # what Spark calls it
FETCH_WAIT_MS = "50"
"""How long the broker may wait for messages that nobody has sent yet: a micro-batch reads only what is there, and with
Kafka's own half a second a read of 200 messages took 0.75 s instead of 0.28."""


class TopicChanged(Exception):
    """The topic was made anew while a micro-batch was read."""


def run(
    lake: Lake,
    name: str,
    land: Land,
    *,
    every_seconds: float | None,
    accept_loss: bool,
    table: str | None = None,
    on_loss: OnLoss = lambda lake, checkpoint, gone: None,
) -> int:
    """Runs the stream `name`, which lands each micro-batch of Kafka-shaped rows, `topic_id` (string) among them.

    `table`: the one that it fills, if any: what that has is not lost, whatever the checkpoint says. `on_loss`: told of
    the messages that were given up, once or more. Returns how many messages it read. Raises OperatorError when messages
    are gone that were not landed, unless `accept_loss`, and as `streams.run` does.
    """
    while True:
        checkpoint = _checkpoint(lake, name, accept_loss, table)
        start = checkpoint.start or {}
        if gone := positions.given_up(checkpoint):
            on_loss(lake, checkpoint, gone)
        messages = _messages(lake, start["offsets"]).withColumn("topic_id", F.lit(start["topic_id"]))
        changed: list[bool] = []
        writer = messages.writeStream.foreachBatch(streams.quiet(_guarded(lake, land, start["topic_id"], changed)))
        try:
            return streams.run(name, writer, every_seconds, checkpoint).messages
        except OperatorError:
            # Whether it goes on, or says what is gone, is decided by what the topic holds now.
            if not (changed or _is_another(lake, checkpoint, table)):
                raise
            log.warning("%s: the topic is not what it was; looking where to go on", name)


def restart(lake: Lake, name: str, table: str | None) -> Checkpoint:
    """A new checkpoint that goes on where the table ends, or from the topic's start where there is no table."""
    identity = topic.identity(lake.settings)
    landed = positions.landed(lake, name, table, identity) if table else {}
    return _begin(lake, name, identity, "rebuilt", landed)


def restart_behind(lake: Lake, name: str, rows: DataFrame | None) -> Checkpoint:
    """The same behind the last message that rows of silver.events are of; None: from the topic's start."""
    identity = topic.identity(lake.settings)
    if rows is None:
        return _begin(lake, name, identity, "rebuilt", {})
    ours = rows.where((F.col("topic") == lake.settings.kafka.topic) & (F.col("topic_id") == identity))
    ends = ours.groupBy("partition").agg(F.max("offset").alias("last")).collect()
    return _begin(lake, name, identity, "rebuilt", {row["partition"]: row["last"] + 1 for row in ends})


def _is_another(lake: Lake, checkpoint: Checkpoint, table: str | None) -> bool:
    identity = (checkpoint.start or {})["topic_id"]
    return topic.identity(lake.settings) != identity or positions.gone(lake, checkpoint, table) is not None


def _checkpoint(lake: Lake, name: str, accept_loss: bool, table: str | None) -> Checkpoint:
    """The checkpoint to go on with, begun where there is none for the topic as it is now."""
    identity, kafka = topic.identity(lake.settings), lake.settings.kafka
    past = [positions.adopted(lake, one, identity) for one in checkpoints.all_of(lake, name)]
    ours = [one for one in past if one.start and _is_of(one.start, kafka.topic, identity)]
    if not past:
        if table is not None:
            checkpoints.require_empty(lake, name, table)
        return _begin(lake, name, identity, "first", {})
    if not ours:
        _require_may_be_new(lake, name, past[-1].start or {}, identity)
        log.warning("%s: topic %s was made anew (id %s), read from its start", name, kafka.topic, identity)
        return _begin(lake, name, identity, "topic made anew", {})
    if table is not None:
        checkpoints.require_whole(lake, ours[-1], table)
    return _without_what_is_gone(lake, ours[-1], accept_loss, table)


def _without_what_is_gone(lake: Lake, checkpoint: Checkpoint, accept_loss: bool, table: str | None) -> Checkpoint:
    positions.require_reachable(lake, checkpoint)
    gone = positions.gone(lake, checkpoint, table)
    if gone is None:
        return checkpoint
    name, description = checkpoint.stream, positions.described(lake.settings.kafka.topic, gone)
    if gone and not accept_loss:
        raise OperatorError(f"{name}: {description}; to go on without them: lakehouse run {name} --accept-loss")
    if gone:
        log.warning("%s: %s; going on without them", name, description)
    ends = {one.partition: one.last_offset + 1 for one in gone}
    offsets = {**positions.next_offsets(lake, checkpoint, table), **ends}
    return _begin(lake, name, (checkpoint.start or {})["topic_id"], "messages gone", offsets, gone)


def _is_of(start: Mapping[str, Any], name: str, identity: str) -> bool:
    return bool(start["topic"] == name and start["topic_id"] == identity)


def _require_may_be_new(lake: Lake, name: str, before: Mapping[str, Any], identity: str) -> None:
    kafka = lake.settings.kafka
    if before.get("topic") == kafka.topic and kafka.recreated_topic == "refuse":
        raise OperatorError(
            f"{name}: topic {kafka.topic} was made anew (its id was {before['topic_id']}, now {identity}), and the"
            " setting kafka.recreated_topic refuses it; to read it from its start, once:"
            f" LAKEHOUSE_KAFKA__RECREATED_TOPIC=read lakehouse run {name}"
        )


def _begin(
    lake: Lake, name: str, identity: str, reason: str, offsets: Mapping[int, int], gone: Sequence[Gone] = ()
) -> Checkpoint:
    start = {"topic": lake.settings.kafka.topic, "topic_id": identity, "reason": reason}
    return checkpoints.begin(
        lake,
        name,
        **start,
        offsets={str(partition): offset for partition, offset in offsets.items()},
        gone=[one._asdict() for one in gone],
    )


def _messages(lake: Lake, start: Mapping[str, int]) -> DataFrame:
    kafka = lake.settings.kafka
    partitions = map(str, range(topic.partitions(lake.settings)))
    offsets = {partition: start.get(partition, FROM_THE_START) for partition in partitions}
    options = {
        "kafka.bootstrap.servers": kafka.bootstrap,
        "kafka.isolation.level": kafka.isolation_level,
        "kafka.fetch.max.wait.ms": FETCH_WAIT_MS,
        "subscribe": kafka.topic,
        "startingOffsets": json.dumps({kafka.topic: offsets}) if start else "earliest",
        "maxOffsetsPerTrigger": str(kafka.max_offsets_per_trigger),
    }
    return lake.spark.readStream.format("kafka").options(**options).load()


def _guarded(lake: Lake, land: Land, identity: str, changed: list[bool]) -> Land:
    """Lands a micro-batch only if the topic is the one it was read from, before and after."""

    def require_same() -> None:
        if topic.identity(lake.settings) != identity:
            changed.append(True)
            raise TopicChanged(f"topic {lake.settings.kafka.topic} was made anew")

    def guarded(messages: DataFrame, batch: int) -> None:
        require_same()
        land(messages, batch)
        require_same()

    return guarded

"""What the topic holds: how many partitions, how far each goes, one message by its offset, how many in a range.

Every function asks the broker and raises OperatorError when it does not answer within kafka.connect_seconds.
"""

import functools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from jobs.errors import OperatorError
from jobs.settings.loading import Settings

# A topic just made: its partitions are known for a moment before their leader is.
PASSING = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
PAUSE_SECONDS = 0.2
WAIT_SECONDS = 3  # a topic just made is not at once in the metadata
NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"  # 128 bits of zero: the brokers know of no ids


class NoTopic(OperatorError):
    """The brokers answer, and have no such topic."""


def partitions(settings: Settings) -> int:
    """How many partitions the topic has; raises OperatorError also when there is no such topic."""
    topic = settings.kafka.topic
    with _asking(settings) as consumer:
        metadata = consumer.list_topics(topic, timeout=settings.kafka.connect_seconds).topics[topic]
    if metadata.error is not None:
        raise _no_topic(settings, metadata.error.str())
    return len(metadata.partitions)


def identity(settings: Settings) -> str:
    """The topic's id, by which one made anew is told from the one before; empty where the brokers know of none."""
    topic, seconds = settings.kafka.topic, settings.kafka.connect_seconds
    try:
        answers = _admin(settings.kafka.bootstrap).describe_topics(TopicCollection([topic]), request_timeout=seconds)
        description = answers[topic].result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise _no_topic(settings, error.args[0].str()) from None
        raise OperatorError(_no_broker(settings, error.args[0].str())) from None
    return "" if str(description.topic_id) in ("None", NO_ID) else str(description.topic_id)


def require(settings: Settings) -> None:
    """Raises OperatorError unless the brokers answer and hold the topic, within settings.kafka.connect_seconds."""
    until = time.monotonic() + min(WAIT_SECONDS, settings.kafka.connect_seconds)
    while True:
        try:
            partitions(settings)
            identity(settings)
            return
        except NoTopic:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE_SECONDS)


def extents(settings: Settings, partitions: int) -> list[tuple[int, int]]:
    """For each partition the first offset that is kept and the offset that the next message will get."""
    with _asking(settings) as consumer:
        return [_extent(consumer, settings, partition) for partition in range(partitions)]


def message_at(settings: Settings, partition: int, offset: int) -> tuple[bytes | None, bytes | None]:
    """Key and value of one message that the topic keeps."""
    with _asking(settings) as consumer:
        consumer.assign([TopicPartition(settings.kafka.topic, partition, offset)])
        message = consumer.poll(settings.kafka.connect_seconds)
        if message is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        if (error := message.error()) is not None:
            raise KafkaException(error)
        return message.key(), message.value()


def sent_at(settings: Settings, partition: int, offset: int) -> float | None:
    """When the first message at that offset or behind it was sent, in seconds since 1970; None where there is none yet,
    as behind a transaction that is open."""
    with _asking(settings, {"auto.offset.reset": "earliest"}) as consumer:
        consumer.assign([TopicPartition(settings.kafka.topic, partition, offset)])
        message = consumer.poll(1.0)
        if message is None or message.error() is not None:
            return None
        return float(message.timestamp()[1]) / 1000


def messages_between(settings: Settings, partition: int, first: int, last: int) -> int:
    """How many messages the topic keeps at the offsets `first` to `last`, both included.

    Not every offset is a message: a transaction's marks and what compaction removed have one too. Messages of a
    transaction that was aborted count only where kafka.isolation_level reads them.
    """
    reading = {"enable.partition.eof": True, "auto.offset.reset": "earliest"}
    with _asking(settings, reading) as consumer:
        consumer.assign([TopicPartition(settings.kafka.topic, partition, first)])
        count = 0
        while True:
            message = consumer.poll(settings.kafka.connect_seconds)
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if error is not None or (message.offset() or 0) > last:
                return count
            count += 1


def _extent(consumer: Consumer, settings: Settings, partition: int) -> tuple[int, int]:
    place, seconds = TopicPartition(settings.kafka.topic, partition), settings.kafka.connect_seconds
    deadline = time.monotonic() + seconds
    while True:
        try:
            first, end = consumer.get_watermark_offsets(place, timeout=seconds)
            return first, end
        except KafkaException as error:
            if error.args[0].code() not in PASSING or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)


@contextmanager
def _asking(settings: Settings, changed: Mapping[str, object] = MappingProxyType({})) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap,
            "group.id": "lakehouse",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            # A fetch that finds nothing would hold up the next request on its connection, by default 0.5 s.
            "fetch.wait.max.ms": 10,
            "isolation.level": settings.kafka.isolation_level,
            "log_level": 0,
            **changed,
        }
    )
    try:
        yield consumer
    except KafkaException as error:
        raise OperatorError(_no_broker(settings, error.args[0].str())) from None
    finally:
        consumer.close()


@functools.cache
def _admin(bootstrap: str) -> AdminClient:
    """Kept: a stream asks at every micro-batch."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def _no_broker(settings: Settings, why: str) -> str:
    return (
        f"no Kafka broker answers at {settings.kafka.bootstrap} ({why}): "
        "start one with `lakehouse up`, or mend the setting kafka.bootstrap"
    )


def _no_topic(settings: Settings, why: str) -> NoTopic:
    return NoTopic(
        f"no topic {settings.kafka.topic} at {settings.kafka.bootstrap} ({why}): "
        "create it with `lakehouse up`, or mend the setting kafka.topic"
    )

"""What Kafka itself says of a topic: how far each partition goes, and how many messages lie in a range of offsets."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from jobs.lake.errors import OperatorError
from jobs.lake.settings import Kafka


def extents(kafka: Kafka) -> dict[int, tuple[int, int]]:
    """By partition: the first offset that is kept and the offset that the next message will get.

    Raises OperatorError when no broker answers within kafka.connect_seconds.
    """
    with _consumer(kafka) as consumer:
        topic = consumer.list_topics(kafka.topic, timeout=kafka.connect_seconds).topics[kafka.topic]
        places = [TopicPartition(kafka.topic, partition) for partition in topic.partitions]
        return {
            place.partition: consumer.get_watermark_offsets(place, timeout=kafka.connect_seconds) for place in places
        }


def messages_between(kafka: Kafka, partition: int, first: int, last: int) -> int:
    """How many messages the topic keeps at the offsets `first` to `last`, both included.

    Not every offset is a message: a transaction's marks and what compaction removed have one too.
    """
    with _consumer(kafka) as consumer:
        consumer.assign([TopicPartition(kafka.topic, partition, first)])
        found = 0
        while True:
            message = consumer.poll(kafka.connect_seconds)
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if error is not None or (message.offset() or 0) > last:
                return found
            found += 1


@contextmanager
def _consumer(kafka: Kafka) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": "lakehouse-reconcile",
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",  # as the stream reads
            "fetch.wait.max.ms": 10,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    try:
        yield consumer
    except KafkaException as error:
        raise OperatorError(
            f"no Kafka broker answers for topic {kafka.topic} at {kafka.bootstrap} ({error.args[0].str()}); "
            "mend the setting kafka.bootstrap, or start one with: lakehouse up"
        ) from None
    finally:
        consumer.close()

"""The connection that sends: an idempotent Kafka producer that fails in one line."""

import time
import zlib

from confluent_kafka import KafkaError, KafkaException, Producer

from jobs.errors import OperatorError
from jobs.local.shop.message import Message

DELIVERY_SECONDS = 30


def partition_of(key: bytes, partitions: int) -> int:
    """CRC-32 of the key modulo the topic's partitions: the same everywhere and for ever."""
    return zlib.crc32(key) % partitions


class Outbox:
    """Puts messages on one topic, each in the partition of its key, in the order of `put`."""

    def __init__(self, bootstrap: str, topic: str, partitions: int, linger_ms: int) -> None:
        self._bootstrap, self._topic, self._partitions = bootstrap, topic, partitions
        self._failure: KafkaError | None = None
        self._put = self.size = 0
        self._producer = Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "enable.idempotence": True,
                # Without it a message that timed out could be missing before one that arrived.
                "enable.gapless.guarantee": True,
                "acks": "all",
                "compression.type": "zstd",
                "linger.ms": linger_ms,
                "batch.size": 1_000_000,
                "queue.buffering.max.kbytes": 65_536,
                "message.timeout.ms": DELIVERY_SECONDS * 1000,
                "delivery.report.only.error": True,
                "on_delivery": self._delivered,
                "log_level": 0,
            }
        )

    def put(self, message: Message) -> None:
        """Queues one message, waiting while the queue is full; OperatorError once a delivery has failed."""
        partition = partition_of(message.key, self._partitions)
        while True:
            self._raise_failure()
            try:
                self._producer.produce(self._topic, message.value, message.key, partition)
            except BufferError:
                self._producer.poll(0.2)
                continue
            except KafkaException as error:
                raise self._undelivered(error.args[0]) from None
            self._put += 1
            self.size += len(message.value)
            if self._put % 500 == 0:
                self._producer.poll(0)
            return

    def wait_until(self, due: float) -> None:
        """Serves the connection until the monotonic clock shows `due`, in turns that let Ctrl-C through."""
        while (left := due - time.monotonic()) > 0:
            self._producer.poll(min(left, 0.1))

    def delivered(self) -> int:
        """How many messages the broker has acknowledged."""
        return self._put - len(self._producer)

    def close(self) -> None:
        """Waits for every acknowledgement; raises OperatorError when one is missing after 30 s."""
        left = self._producer.flush(DELIVERY_SECONDS + 5)
        self._raise_failure()
        if left:
            raise OperatorError(
                f"{left} messages to {self._bootstrap} not acknowledged after {DELIVERY_SECONDS} s: "
                "look at the broker with `lakehouse status`, then run this again"
            )

    def _delivered(self, error: KafkaError | None, _: object) -> None:
        if error is not None and self._failure is None:
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._undelivered(self._failure)

    def _undelivered(self, error: KafkaError) -> OperatorError:
        return OperatorError(
            f"topic {self._topic} at {self._bootstrap} did not take a message ({error.str()}): "
            "look at the broker with `lakehouse status`, then run this again"
        )

"""The topic of changes as a target of hooks: one message per change, the person its key, kept by all replicas."""

import threading
import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from jobs.errors import OperatorError
from jobs.hooks.answer import Answer
from jobs.hooks.message import Message
from jobs.settings.kafka_settings import KafkaSettings

POLL_SECONDS = 0.05


def ensure_topic(kafka: KafkaSettings, topic: str) -> None:
    """Makes the topic where it is missing, with kafka.partitions. Raises OperatorError where it cannot be made, or no
    broker answers."""
    seconds = float(kafka.connect_seconds)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    try:
        if topic in admin.list_topics(timeout=seconds).topics:
            return
        new = NewTopic(topic, num_partitions=kafka.partitions, replication_factor=-1)
        admin.create_topics([new], operation_timeout=seconds)[topic].result(timeout=seconds)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise _cannot(kafka, topic, error.args[0].str()) from None
    except TimeoutError:
        raise _cannot(kafka, topic, "no answer in time") from None


def send_to(kafka: KafkaSettings, topic: str, timeout_seconds: float) -> Callable[[Message], Answer]:
    """Sends one message and waits until all replicas have it. May be called from several threads."""
    conf = {
        "bootstrap.servers": kafka.bootstrap,
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 5,
        "message.timeout.ms": round(timeout_seconds * 1000),
        "log_level": 0,
    }
    producers, lock = list[Producer](), threading.Lock()  # one, from the first message on

    def current(broken: Producer | None = None) -> Producer:
        with lock:
            if not producers or producers[0] is broken:  # another thread may have seen it first
                producers[:] = [Producer(conf)]
            return producers[0]

    def send(message: Message) -> Answer:
        producer, errors = current(), list[KafkaError | None]()
        try:
            producer.produce(
                topic,
                message.body,
                message.person.encode(),
                headers={"webhook-id": message.id.encode()},
                on_delivery=lambda error, _: errors.append(error),
            )
            until = time.monotonic() + 2 * timeout_seconds
            while not errors and time.monotonic() < until:
                producer.poll(POLL_SECONDS)
        except (BufferError, KafkaException) as error:
            return Answer("failed", type(error).__name__)
        if not errors or (errors[0] is not None and errors[0].code() == KafkaError._MSG_TIMED_OUT):
            return Answer("failed", "the brokers do not answer")
        if errors[0] is None:
            return Answer("taken", "acknowledged")
        if errors[0].fatal():
            current(broken=producer)
        return Answer("failed", f"Kafka: {errors[0].name()}")

    return send


def _cannot(kafka: KafkaSettings, topic: str, why: str) -> OperatorError:
    return OperatorError(
        f"no topic {topic} at {kafka.bootstrap}, and it cannot be made ({why}): start the brokers, create the topic"
        " there, or mend the settings kafka.bootstrap and hooks.kafka_topic"
    )

"""Topics of their own for tests: made, filled, made anew, cut."""

import json
import uuid
from typing import Any

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from jobs.lake.lake import Lake
from jobs.local import services
from tests.other_lake import changed


def with_topic(lake: Lake, partitions: int = 1) -> Lake:
    """The lake with an empty topic of its own, at the broker of its settings."""
    own = changed(lake, kafka={"topic": f"t-{uuid.uuid4().hex[:12]}", "partitions": partitions})
    services.ensure_topic(own.settings)
    return own


def send(lake: Lake, *messages: object, transaction: str = "", abort: bool = False, **how: Any) -> None:
    """Messages (dict, text or bytes) to the topic; `how`: key, partition or timestamp of each of them."""
    settings = {"bootstrap.servers": lake.settings.kafka.bootstrap}
    producer = Producer({**settings, **({"transactional.id": transaction} if transaction else {})})
    if transaction:
        producer.init_transactions()
        producer.begin_transaction()
    refused: list[Any] = []
    for message in messages:
        value = json.dumps(message) if isinstance(message, dict) else message
        producer.produce(
            lake.settings.kafka.topic, value, on_delivery=lambda error, _: error and refused.append(error), **how
        )
    if transaction:
        producer.flush(30)
        producer.abort_transaction() if abort else producer.commit_transaction()
    assert producer.flush(30) == 0 and not refused, refused


def make_anew(lake: Lake) -> None:
    """Deletes the topic and makes it again under its name."""
    kafka = lake.settings.kafka
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.delete_topics([kafka.topic])[kafka.topic].result(30)
    for _ in range(300):
        if services.ensure_topic(lake.settings):
            return
    raise AssertionError("the topic is still there")


def cut(lake: Lake, offset: int, partition: int = 0) -> None:
    """Removes the messages before the offset, as retention does."""
    kafka = lake.settings.kafka
    place = TopicPartition(kafka.topic, partition, offset)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for future in admin.delete_records([place]).values():
        future.result(30)

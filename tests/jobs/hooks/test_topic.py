"""The topic of changes, at a real broker: made where it is missing, each change there, a person's in order."""

import json
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer

from jobs.errors import OperatorError
from jobs.hooks import targets
from jobs.hooks.message import message_of
from jobs.hooks.telling import telling
from jobs.hooks.topic_producer import ensure_topic, send_to
from jobs.landing import topic as topics
from jobs.redis_store import hooks as store
from jobs.redis_store.client import connect
from jobs.redis_store.keys import Keys
from jobs.settings.loading import Settings
from tests.jobs.hooks.changes import QUICK, until, write, written

pytestmark = pytest.mark.services


@pytest.fixture
def own(local_services: Settings) -> Iterator[Settings]:
    """A topic that is not there yet, and a prefix in Redis of its own."""
    name = f"segments-{uuid.uuid4().hex[:12]}"
    hooks = local_services.hooks.model_copy(update={**QUICK, "kafka_topic": name, "timeout_seconds": 10.0})
    redis = local_services.redis.model_copy(update={"prefix": name})
    yield local_services.model_copy(update={"hooks": hooks, "redis": redis})
    client = connect(redis)
    for key in client.scan_iter(f"{Keys(name).tag}:*"):
        client.delete(key)


def messages(settings: Settings, count: int) -> list[Any]:
    """So many from the topic's start."""
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka.bootstrap, "group.id": "test", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([settings.hooks.kafka_topic])
    try:
        received: list[Any] = []
        until(lambda: received.extend(consumer.consume(count, 0.5)) or len(received) >= count, "not in the topic")
        return received
    finally:
        consumer.close()


def test_each_change_is_in_the_topic_under_its_person_in_order(own: Settings) -> None:
    client, keys = connect(own.redis), Keys(own.redis.prefix)
    targets.require(own, ())
    of_hooks = own.model_copy(update={"kafka": own.kafka.model_copy(update={"topic": own.hooks.kafka_topic})})
    topics.require(of_hooks)  # the brokers may learn of it a moment later
    assert topics.partitions(of_hooks) == own.kafka.partitions
    targets.require(own, ())
    with telling(own, lambda: True):
        for step in range(10):
            for person in range(20):
                write(client, f"p{person}", enter=[f"s{step}"], leave=[f"s{step - 1}"] if step else (), keys=keys)
        received = messages(own, 200)
        until(lambda: (at := store.standing(client, keys, "kafka")) and at.waiting == 0, "not settled")
    changes = written(client, keys)
    ids = [dict(one.headers())["webhook-id"].decode() for one in received]
    at = store.standing(client, keys, "kafka")
    assert at is not None and at.told + at.overtaken == len(changes) == 380 and at.told >= len({*ids})
    for id_, one in zip(ids, received, strict=True):
        body = json.loads(one.value())
        data = body["data"]
        assert (data["person"], data["segment"], body["type"].removeprefix("segment.")) == changes[id_]
        assert one.key().decode() == data["person"]
    order = [*changes]
    for person in range(20):
        theirs = [id_ for id_, one in zip(ids, received, strict=True) if one.key().decode() == f"p{person}"]
        assert theirs == sorted(theirs, key=order.index) and len(theirs) >= 10


def a_change() -> Any:
    return message_of(store.Change("1700000000000-0", "p", "s", "leave", "event"))


def test_a_broker_that_is_away_fails_the_try_and_no_more(own: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = f"127.0.0.1:{probe.getsockname()[1]}"
    away = own.kafka.model_copy(update={"bootstrap": nobody, "connect_seconds": 1})
    answer = send_to(away, "segments", 0.5)(a_change())
    assert answer.kind == "failed" and answer.reason == "the brokers do not answer"
    with pytest.raises(OperatorError, match=f"no topic segments at {nobody}, and it cannot be made"):
        ensure_topic(away, "segments")


def test_a_topic_that_cannot_be_is_refused_before_anything_begins(own: Settings) -> None:
    with pytest.raises(OperatorError, match="no topic a b at .*, and it cannot be made"):
        ensure_topic(own.kafka, "a b")
    same = own.hooks.model_copy(update={"kafka_topic": own.kafka.topic})
    with pytest.raises(OperatorError, match="changes of segments need one of their own"):
        targets.require(own.model_copy(update={"hooks": same}), ())


def test_a_message_about_nobody_goes_there_too(own: Settings) -> None:
    from jobs.hooks import replay

    targets.require(own, ())
    assert replay.test(own, "kafka").kind == "taken"
    (one,) = messages(own, 1)
    assert json.loads(one.value())["type"] == "segment.test"

"""Sending and replaying against a real broker: each message once, in its place, whatever interrupts."""

import signal
import threading
import time
import uuid
from datetime import UTC, datetime

import pytest
from confluent_kafka import Consumer, TopicPartition

from jobs.errors import OperatorError
from jobs.local import services
from jobs.local.shop import journey, producer
from jobs.local.shop.message import Message
from jobs.local.shop.outbox import Outbox, partition_of
from jobs.settings.loading import Settings, load

SEED = 7


@pytest.fixture(scope="module")
def plan() -> list[Message]:
    return journey.messages(50, SEED)


@pytest.fixture
def topic(local_services: Settings) -> Settings:
    """The settings, with a topic of their own that is there and empty."""
    return with_kafka(local_services, topic=f"events-{uuid.uuid4().hex[:12]}", create=True)


def with_kafka(settings: Settings, create: bool = False, **changes: object) -> Settings:
    changed = settings.model_copy(update={"kafka": settings.kafka.model_copy(update=changes)})
    if create:
        services.ensure_topic(changed)
    return changed


def content(settings: Settings) -> list[list[tuple[bytes | None, bytes | None]]]:
    """All that each partition holds, by offset."""
    consumer = Consumer({"bootstrap.servers": settings.kafka.bootstrap, "group.id": "test", "fetch.wait.max.ms": 10})
    held: list[list[tuple[bytes | None, bytes | None]]] = []
    for partition in range(settings.kafka.partitions):
        place = TopicPartition(settings.kafka.topic, partition, 0)
        end = consumer.get_watermark_offsets(place, timeout=10)[1]
        consumer.assign([place])
        held.append([])
        while len(held[-1]) < end:
            held[-1] += [
                (message.key(), message.value()) for message in consumer.consume(end - len(held[-1]), timeout=1)
            ]
    consumer.close()
    return held


def planned(messages: list[Message], partitions: int) -> list[list[tuple[bytes | None, bytes | None]]]:
    return [
        [(message.key, message.value) for message in messages if partition_of(message.key, partitions) == partition]
        for partition in range(partitions)
    ]


def interrupted_after(count: int, monkeypatch: pytest.MonkeyPatch, seconds: float = 0) -> None:
    """A Ctrl-C, as the terminal sends it, once `count` messages are queued, or `seconds` later."""
    put, calls = Outbox.put, [0]

    def put_and_interrupt(outbox: Outbox, message: Message) -> None:
        put(outbox, message)
        calls[0] += 1
        if calls[0] == count:
            if seconds:
                threading.Timer(seconds, signal.raise_signal, [signal.SIGINT]).start()
            else:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Outbox, "put", put_and_interrupt)


@pytest.mark.services
def test_everything_is_sent_once_and_a_second_run_sends_nothing(topic: Settings, plan: list[Message]) -> None:
    first = producer.send(topic, plan)
    assert (first.sent, first.already) == (len(plan), 0)
    assert first.size == sum(len(message.value) for message in plan)
    assert content(topic) == planned(plan, topic.kafka.partitions)
    second = producer.send(topic, plan)
    assert (second.sent, second.already) == (0, len(plan))
    assert content(topic) == planned(plan, topic.kafka.partitions)


@pytest.mark.services
def test_an_interrupted_send_goes_on_where_it_was(
    topic: Settings, plan: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (1, 700, 1_500):
        with monkeypatch.context() as patch:
            interrupted_after(count, patch)
            with pytest.raises(KeyboardInterrupt, match=rf"of {len(plan)} messages are in topic"):
                producer.send(topic, plan)
    assert sum(len(held) for held in content(topic)) == 1 + 700 + 1_500
    last = producer.send(topic, plan)
    assert last.already == 2_201
    assert content(topic) == planned(plan, topic.kafka.partitions)


@pytest.mark.services
def test_partitions_at_uneven_offsets_are_each_completed(topic: Settings, plan: list[Message]) -> None:
    last = topic.kafka.partitions - 1
    outbox = Outbox(topic.kafka.bootstrap, topic.kafka.topic, topic.kafka.partitions, linger_ms=5)
    for message in [m for m in plan if partition_of(m.key, topic.kafka.partitions) == last][:300]:
        outbox.put(message)
    outbox.close()
    assert producer.send(topic, plan).already == 300
    assert content(topic) == planned(plan, topic.kafka.partitions)


@pytest.mark.services
def test_a_topic_that_holds_another_plan_is_refused_and_left_alone(topic: Settings, plan: list[Message]) -> None:
    producer.send(topic, plan)
    held = content(topic)
    with pytest.raises(OperatorError, match="holds something else.* another message than planned at offset"):
        producer.send(topic, journey.messages(200, SEED))
    with pytest.raises(OperatorError, match=r"holds something else.* messages where \d+ are planned"):
        producer.send(topic, plan[: len(plan) // 2])
    assert content(topic) == held


@pytest.mark.services
def test_a_missing_topic_is_named_and_not_made(local_services: Settings, plan: list[Message]) -> None:
    settings = with_kafka(local_services, topic="never-made")
    for _ in range(2):
        with pytest.raises(OperatorError, match="no topic never-made"):
            producer.send(settings, plan)


def test_a_broker_that_is_not_there_is_one_line_within_the_time_set(
    plan: list[Message], capfd: pytest.CaptureFixture[str]
) -> None:
    settings = with_kafka(load(), bootstrap="127.0.0.1:1", connect_seconds=3)
    began = time.monotonic()
    with pytest.raises(OperatorError, match=r"no Kafka broker answers at 127\.0\.0\.1:1 .*lakehouse up") as error:
        producer.send(settings, plan)
    assert time.monotonic() - began < 25
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.services
def test_a_replay_keeps_the_pace_from_the_date_on(topic: Settings, plan: list[Message]) -> None:
    start = datetime(2017, 12, 24, 12, 0, tzinfo=UTC)
    part = [message for message in plan if message.at_ms >= start.timestamp() * 1000][:120]
    until = [*plan[: plan.index(part[0])], *part]
    shop_seconds = (part[-1].at_ms - part[0].at_ms) / 1000
    sent = producer.simulate(topic, until, shop_seconds / 3, start)
    assert (sent.sent, sent.interrupted) == (120, False)
    assert 2.9 < sent.seconds < 20
    assert content(topic) == planned(part, topic.kafka.partitions)


@pytest.mark.services
@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_an_interrupted_replay_delivers_what_it_sent_and_says_how_many(
    topic: Settings, plan: list[Message], monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    interrupted_after(40, monkeypatch, seconds)
    # A day in two seconds: the year would take twelve minutes.
    sent = producer.simulate(topic, plan, 43_200.0)
    assert sent.interrupted and 39 <= sent.sent < 1_000
    assert content(topic) == planned(plan[: sent.sent], topic.kafka.partitions)


@pytest.mark.services
def test_a_replay_from_after_the_end_is_refused(topic: Settings, plan: list[Message]) -> None:
    with pytest.raises(OperatorError, match="nothing to replay from 2020-01-01"):
        producer.simulate(topic, plan, 60.0, datetime(2020, 1, 1))


@pytest.mark.parametrize(("text", "speed"), [("60x", 60.0), ("60", 60.0), ("1.5X", 1.5), (" 0.1x ", 0.1)])
def test_a_speed_is_read(text: str, speed: float) -> None:
    assert producer.parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "x", "fast", "0x", "-1x", "nan", "inf", "60xx", "60 per second"])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(OperatorError, match="not a positive number"):
        producer.parse_speed(text)


def test_a_key_s_partition_is_the_same_for_ever() -> None:
    # CRC-32 of "900" is 0x2D640152; a change here would break the resuming of a topic sent before it.
    assert [partition_of(key, 4) for key in (b"900", b"1", b"2451", b"a-0123456789abcde")] == [2, 3, 2, 1]

"""live.consents on a real topic and a real Redis, and beside silver.consents on drawn histories."""

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations.contract import contract
from expectations.schemas.silver import PURPOSES
from jobs import job
from jobs.lake import tables
from jobs.live import consents as live
from jobs.local import services
from jobs.people.consent import consented
from jobs.serve import page
from jobs.settings.loading import Settings
from jobs.silver import consents as batch
from jobs.silver import events as silver_events
from tests.events import event, received

AS_OF = datetime(2017, 3, 31, tzinfo=UTC)
SECONDS = 60


@pytest.fixture
def own(local_services: Settings) -> Iterator[Settings]:
    """The settings, with an empty topic and a prefix in Redis of their own."""
    name = f"live-{uuid.uuid4().hex[:12]}"
    changed = {
        "kafka": local_services.kafka.model_copy(update={"topic": name, "partitions": 2}),
        "redis": local_services.redis.model_copy(update={"prefix": name}),
    }
    settings = local_services.model_copy(update=changed)
    services.ensure_topic(settings)
    yield settings
    client = page.connect(settings.redis)
    for key in client.scan_iter(f"{name}:*"):
        client.delete(key)


def said(day: int, user: str = "9", event_id: str = "", **purposes: bool) -> dict[str, Any]:
    at = f"2017-03-{day:02d}T00:00:00Z"
    return event(
        "consent", event_id=event_id or uuid.uuid4().hex, user_id=user, occurred_at=at, payload={"purposes": purposes}
    )


def until(holds: Callable[[], object], what: str) -> float:
    """Seconds until it holds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < 2 * SECONDS, what
        time.sleep(0.1)
    return time.monotonic() - began


def published(settings: Settings) -> Any:
    """Two versions, in each a list for 9 and for everyone."""
    client, prefix = page.connect(settings.redis), settings.redis.prefix
    for version in ("v1", "v2"):
        client.set(f"{prefix}:{version}:person:9", '{"again":[["milk","bought 2 times"]]}')
        for segment in ("everyone", "persona-1"):
            client.set(f"{prefix}:{version}:segment:{segment}", '{"popular":[["beer","popular"]]}')
    client.mset({f"{prefix}:current": "v2", f"{prefix}:previous": "v1"})
    return client


def send(settings: Settings, *messages: object) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap})
    for message in messages:
        producer.produce(settings.kafka.topic, json.dumps(message) if isinstance(message, dict) else str(message))
    assert producer.flush(30) == 0


def test_a_withdrawal_is_obeyed_within_a_minute(lake: SparkSession, own: Settings) -> None:
    client, prefix = published(own), own.redis.prefix
    failures: list[BaseException] = []

    def is_suppressed(person: str) -> bool:
        return page.is_suppressed(client, own.redis, person)

    def shop() -> None:
        try:
            send(own, said(1, personalisation=True))
            until(lambda: client.hexists(f"{prefix}:said", "9"), "the job does not listen")
            assert page.recommended(own.redis, "9", "persona-1").whose == "person:9"
            send(own, said(5, personalisation=False))
            delay = until(
                lambda: page.recommended(own.redis, "9", "persona-1").whose == "segment:everyone", "not obeyed"
            )
            assert delay < SECONDS, f"obeyed after {delay:.1f} s"
            assert not client.exists(f"{prefix}:v1:person:9", f"{prefix}:v2:person:9")
            old, broken = said(3, personalisation=True), {**said(9, personalisation=True), "schema_version": "one"}
            send(own, old, broken, "{", said(9, marketing=True), said(1, user="8", personalisation=False))
            until(lambda: is_suppressed("8"), "8 is not heard")
            assert is_suppressed("9"), "what comes late, or broken, or of another purpose, brings nobody back"
            send(own, said(6, personalisation=True))
            until(lambda: not is_suppressed("9"), "9 agreed again")
            assert page.recommended(own.redis, "9", "persona-1").whose == "segment:persona-1", "until the next version"
        except BaseException as failure:
            failures.append(failure)
        finally:
            [query] = [query for query in lake.streams.active if query.name == live.NAME]
            query.stop()

    threading.Timer(1, lambda: (until(lambda: lake.streams.active, "not started"), shop())).start()
    live.main(own, job.Options(AS_OF, continuous=True))
    if failures:
        raise failures[0]


def test_started_again_it_carries_on(lake: SparkSession, own: Settings) -> None:
    client = page.connect(own.redis)
    send(own, said(1, personalisation=False))
    live.main(own, job.Options(AS_OF))
    send(own, said(2, personalisation=True), said(1, user="8", personalisation=False))
    live.main(own, job.Options(AS_OF))
    assert client.smembers(f"{own.redis.prefix}:suppressed") == {"8"}


def drawn(rng: random.Random) -> list[Any]:
    """Statements of sixty people at few moments, so that many meet; some messages are broken, some sent twice."""
    messages: list[Any] = []
    for number in range(600):
        purposes = {purpose: rng.random() < 0.5 for purpose in rng.sample(PURPOSES, rng.randint(1, 3))}
        one = said(rng.randint(1, 9), f"p{rng.randrange(60)}", f"e{number}", **purposes)
        if rng.random() < 0.5:
            one = {**one, "event_type": "page_view", "payload": {"url": "/"}, "consent": purposes}
        elif rng.random() < 0.2:
            one["consent"] = {purpose: rng.random() < 0.5 for purpose in PURPOSES}
        if rng.random() < 0.1:
            one["schema_version"] = "one"
        if rng.random() < 0.1:
            one = {**one, "user_id": None, "anonymous_id": one["user_id"]}
        text = json.dumps(one)
        messages.append(text.replace('"consent": {', '"\\u0063onsent": {') if rng.random() < 0.05 else text)
    return messages + rng.sample(messages, 40)


def test_live_and_lake_agree(lake: SparkSession, own: Settings) -> None:
    rng = random.Random(1)
    messages = drawn(rng)
    tables.create(lake, "silver.events")
    for part in (messages[:150], messages[150:]):
        valid = silver_events.as_judged(received(lake, part), contract()).where("size(reasons) = 0")
        tables.append(silver_events.as_events(valid.withColumn("fate", F.lit("kept")), late_hours=24), "silver.events")
        batch.main(own, job.Options(AS_OF))
    put = live.take_up(own.redis)
    rng.shuffle(messages)
    for number, part in enumerate((messages[:300], messages[200:])):
        put(received(lake, part), number)
    people = tables.read(lake, "silver.consents").where("purpose = 'personalisation'").select("person_id").distinct()
    everyone = {row["person_id"] for row in people.collect()}
    allowing = {row["person_id"] for row in consented(people, "personalisation", AS_OF).collect()}
    suppressed = page.connect(own.redis).smembers(f"{own.redis.prefix}:suppressed")
    assert len(allowing) > 3 and len(suppressed) > 3
    assert suppressed == everyone - allowing

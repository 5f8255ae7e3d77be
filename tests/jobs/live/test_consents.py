"""live.consents on a real topic and a real Redis, and beside silver.consents on drawn histories."""

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import PURPOSES, committed_contract
from jobs import job
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing.outcomes import as_events, as_judged
from jobs.landing.reading import reader_of
from jobs.live import consents as live
from jobs.local import services
from jobs.people.consent import IDS
from jobs.people.identifier import Identifier
from jobs.people.personal import personal
from jobs.redis_store.client import connect
from jobs.redis_store.identities import update_identities
from jobs.redis_store.keys import Keys
from jobs.redis_store.reading import is_suppressed as is_suppressed_in
from jobs.serve.recommended import recommended
from jobs.settings.loading import Settings
from jobs.silver import consents as batch
from tests.events import event, received
from tests.other_lake import changed, fill
from tests.redis_server import redis_server

AS_OF = datetime(2017, 3, 31, tzinfo=UTC)
SECONDS = 60


@pytest.fixture
def own(lake: Lake, local_services: Settings) -> Iterator[Lake]:
    """The empty lake, with an empty topic and a prefix in Redis of its own."""
    name = f"live-{uuid.uuid4().hex[:12]}"
    own = changed(lake, kafka={"topic": name, "partitions": 2}, redis={"prefix": name})
    services.ensure_topic(own.settings)
    yield own
    client = connect(own.settings.redis)
    for key in client.scan_iter(f"{Keys(name).tag}:*"):
        client.delete(key)


def consent(day: int, user: str = "9", event_id: str = "", **purposes: bool) -> dict[str, Any]:
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
    client, keys = connect(settings.redis), Keys(settings.redis.prefix)
    for version in ("v1", "v2"):
        client.set(keys.of_version(version, "person:9"), '{"again":[["milk","bought 2 times"]]}')
        for segment in ("everyone", "persona-1"):
            client.set(keys.of_version(version, f"segment:{segment}"), '{"popular":[["beer","popular"]]}')
    client.mset({keys.current: "v2", keys.previous: "v1"})
    return client


def send(settings: Settings, *messages: object) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap})
    for message in messages:
        producer.produce(settings.kafka.topic, json.dumps(message) if isinstance(message, dict) else str(message))
    assert producer.flush(30) == 0


def test_a_withdrawal_is_obeyed_within_a_minute(own: Lake) -> None:
    settings, redis = own.settings, own.settings.redis
    client, keys = published(settings), Keys(redis.prefix)
    failures: list[BaseException] = []

    def is_suppressed(person: str) -> bool:
        return is_suppressed_in(client, keys, person)

    def shop() -> None:
        try:
            send(settings, consent(1, personalisation=True))
            until(lambda: client.hexists(keys.statements, "9"), "the job does not listen")
            assert recommended(redis, "9", "persona-1").whose == "person:9"
            send(settings, consent(5, personalisation=False))
            delay = until(lambda: recommended(redis, "9", "persona-1").whose == "segment:everyone", "not obeyed")
            assert delay < SECONDS, f"obeyed after {delay:.1f} s"
            assert not client.exists(*[keys.of_version(v, "person:9") for v in ("v1", "v2")])
            old, broken = (
                consent(3, personalisation=True),
                {**consent(9, personalisation=True), "schema_version": "one"},
            )
            send(settings, old, broken, "{", consent(9, marketing=True), consent(1, user="8", personalisation=False))
            until(lambda: is_suppressed("8"), "8 is not heard")
            assert is_suppressed("9"), "what comes late, or broken, or of another purpose, brings nobody back"
            send(settings, consent(6, personalisation=True))
            until(lambda: not is_suppressed("9"), "9 agreed again")
            assert recommended(redis, "9", "persona-1").whose == "segment:persona-1", "until the next version"
        except BaseException as failure:
            failures.append(failure)
        finally:
            [query] = [query for query in own.spark.streams.active if query.name == live.NAME]
            query.stop()

    threading.Timer(1, lambda: (until(lambda: own.spark.streams.active, "not started"), shop())).start()
    live.main(own, job.Options(AS_OF, continuous=True))
    if failures:
        raise failures[0]


def test_started_again_it_carries_on(own: Lake) -> None:
    client = connect(own.settings.redis)
    send(own.settings, consent(1, personalisation=False))
    live.main(own, job.Options(AS_OF))
    send(own.settings, consent(2, personalisation=True), consent(1, user="8", personalisation=False))
    live.main(own, job.Options(AS_OF))
    keys = Keys(own.settings.redis.prefix)
    assert client.smembers(keys.suppressed) == {"8"}
    for key in client.scan_iter(f"{keys.tag}:*"):
        client.delete(key)
    live.main(own, job.Options(AS_OF))
    assert client.smembers(keys.suppressed) == {"8"}, "Redis was emptied: all is heard again"


def drawn(rng: random.Random) -> list[Any]:
    """Statements of sixty people at few moments, so that many meet; some messages are broken, some sent twice."""
    messages: list[Any] = []
    for number in range(600):
        purposes = {purpose: rng.random() < 0.5 for purpose in rng.sample(PURPOSES, rng.randint(1, 3))}
        one = consent(rng.randint(1, 9), f"p{rng.randrange(60)}", f"e{number}", **purposes)
        one["occurred_at"] = one["occurred_at"].replace("T00", f"T{rng.choice(['00', '06', '12'])}")
        if rng.random() < 0.5:
            one = {**one, "event_type": "page_view", "payload": {"url": "/"}, "consent": purposes}
        elif rng.random() < 0.2:
            one["consent"] = {purpose: rng.random() < 0.5 for purpose in PURPOSES}
        if rng.random() < 0.1:
            one["schema_version"] = "one"
        if rng.random() < 0.2:
            one = {**one, "user_id": None, "anonymous_id": one["user_id"]}
        elif rng.random() < 0.2:
            one = {**one, "anonymous_id": f"p{rng.randrange(60)}"}
        text = json.dumps(one)
        messages.append(text.replace('"consent": {', '"\\u0063onsent": {') if rng.random() < 0.05 else text)
    return messages + rng.sample(messages, 40)


def test_live_and_lake_agree(own: Lake) -> None:
    """On the same messages, in another order and some of them twice; and to whom identifiers belong is told between
    them, at first wrongly."""
    rng = random.Random(1)
    messages = drawn(rng)
    everything = arriving(own, messages, rng)
    tables.create(own, "silver.events")
    for part in ("offset < 150", "offset >= 150"):
        kept = as_judged(everything.where(part), committed_contract()).where("size(reasons) = 0")
        tables.append(own, "silver.events", as_events(kept.withColumn("outcome", F.lit("kept")), late_hours=24))
        batch.main(own, job.Options(AS_OF))
    everybody = [Identifier(kind, f"p{number}") for kind in IDS for number in range(60)]
    wrong, right = (belonging(everybody, rng) for _ in range(2))
    reader, redis = reader_of(own.settings), own.settings.redis
    client, keys = connect(redis), Keys(redis.prefix)
    client.set(keys.heard, "from the first message")
    parts = ("offset % 2 = 1", "offset % 3 <> 0", "offset % 2 = 0")
    for number, (part, known) in enumerate(zip(parts, (wrong, right, {}), strict=True)):
        live.land(everything.where(part).orderBy(F.desc("offset")), number, reader, redis)
        pairs = [(one.own_person_id, person) for one, person in known.items()]
        update_identities(client, redis, rng.sample(pairs, len(pairs)))
    fill(own, "silver.identities", [{**one._asdict(), "person_id": person} for one, person in right.items()])
    fill(own, "silver.people", [{one.identifier_type: one.identifier} for one in everybody])
    asked = changed(own, consent={"personalisation": True})
    allowed = {row["person_id"] for row in personal(asked, "silver.people", "personalisation", AS_OF).collect()}
    suppressed = client.smembers(keys.suppressed)
    assert 3 < len(suppressed) < len({*right.values()}) - 3
    assert suppressed == {*right.values()} - allowed
    refused = [one for one, person in right.items() if person in suppressed]
    assert all(is_suppressed_in(client, keys, one.own_person_id) for one in refused)
    client.delete(keys.statements, keys.decisions, keys.suppressed, keys.heard)
    with pytest.raises(OperatorError, match="does not know any more what was said; it begins anew"):
        live.land(everything, 3, reader, redis)
    live.begin_anew(own)
    assert client.smembers(keys.suppressed) == suppressed and client.exists(keys.heard), "of what is on record"


def belonging(everybody: list[Identifier], rng: random.Random) -> dict[Identifier, str]:
    """To whom each belongs: a third to somebody else, who is named by an identifier of their own."""
    named = {one for one in everybody if rng.random() < 0.66}
    names = sorted(one.own_person_id for one in named)
    return {one: one.own_person_id if one in named else rng.choice(names) for one in everybody}


def arriving(own: Lake, messages: list[Any], rng: random.Random) -> DataFrame:
    """As rows of the topic, received within some days around those on which they were said."""
    hours = [rng.randrange(24 * 9) for _ in messages]
    at = F.element_at(F.array(*map(F.lit, hours)), F.col("offset").cast("int") + 1)
    rows = received(own.spark, messages).drop("sealed_by", "decode_error", "size_bytes")
    arrival = F.timestamp_add("HOUR", at, F.lit(datetime(2017, 3, 9, tzinfo=UTC)))
    nothing = {"sealed_by": "int", "decode_error": "string", "size_bytes": "int"}
    empty = {name: F.lit(None).cast(type_) for name, type_ in nothing.items()}
    return rows.withColumns({"timestamp": arrival, "received_at": arrival, **empty})


def framed(schema_id: int, message: object) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big") + json.dumps(message).encode()


def test_a_withdrawal_in_a_registrys_frame_is_heard(own: Lake, tmp_path: Path) -> None:
    (tmp_path / "7.json").write_text('{"type": "object"}')
    theirs = changed(own, schema_registry={"folder": str(tmp_path)})
    producer = Producer({"bootstrap.servers": own.settings.kafka.bootstrap})
    producer.produce(own.settings.kafka.topic, framed(7, consent(1, personalisation=False)))
    assert producer.flush(30) == 0
    live.main(theirs, job.Options(AS_OF))
    assert connect(own.settings.redis).smembers(Keys(own.settings.redis.prefix).suppressed) == {"9"}


def test_a_withdrawal_of_a_version_that_came_while_the_job_ran_is_heard(own: Lake, tmp_path: Path) -> None:
    theirs = changed(own, contracts={"folder": str(tmp_path)})
    reader = reader_of(theirs.settings)
    second = {**consent(1, personalisation=False), "schema_version": 2}
    suppressed = Keys(own.settings.redis.prefix).suppressed
    live.begin_anew(own)
    live.land(arriving(own, [second], random.Random(1)), 0, reader, own.settings.redis)
    assert connect(own.settings.redis).smembers(suppressed) == set()
    schema = json.loads((resources.files("expectations") / "contracts" / "consent.v1.json").read_text())
    schema["properties"]["method"] = {"type": "string"}
    (tmp_path / "consent.v2.json").write_text(json.dumps(schema))
    live.land(arriving(own, [second], random.Random(1)), 1, reader, own.settings.redis)
    assert connect(own.settings.redis).smembers(suppressed) == {"9"}


def test_both_ids_of_an_event_are_suppressed(own: Lake) -> None:
    send(own.settings, {**consent(1, personalisation=False), "anonymous_id": "browser"})
    live.main(own, job.Options(AS_OF))
    client, keys = connect(own.settings.redis), Keys(own.settings.redis.prefix)
    assert client.smembers(keys.suppressed) == {"9", "anonymous_id:browser"}
    send(own.settings, {**consent(2, personalisation=True), "anonymous_id": "browser"})
    live.main(own, job.Options(AS_OF))
    assert client.smembers(keys.suppressed) == {"anonymous_id:browser"}, "as long as it may be another's"
    update_identities(client, own.settings.redis, [("anonymous_id:browser", "9")])
    assert client.smembers(keys.suppressed) == set(), "the last word of one person"


def test_a_redis_that_may_evict_is_refused(own: Lake, caplog: pytest.LogCaptureFixture) -> None:
    client = connect(own.settings.redis)
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(OperatorError, match=r"may evict any key \(maxmemory-policy allkeys-lru\).*allow_eviction"):
            live.require(own.settings)
        live.require(changed(own, redis={"allow_eviction": True}).settings)
        assert "may evict any key" in caplog.text
    finally:
        client.config_set("maxmemory-policy", "noeviction")


def test_a_redis_that_takes_nothing_stops_it_with_one_line_and_loses_nothing(own: Lake) -> None:
    with redis_server() as server:
        theirs = changed(own, redis={"url": server.settings().url})
        live.main(theirs, job.Options(AS_OF))
        send(own.settings, consent(1, personalisation=False))
        server.admin.config_set("maxmemory", "1")
        with pytest.raises(OperatorError) as raised:
            live.main(theirs, job.Options(AS_OF))
        line = str(raised.value)
        assert line.startswith(f"live.consents stopped: Redis at 127.0.0.1:{server.port} has no memory left")
        assert line.endswith("run it again to carry on") and "\n" not in line
        server.admin.config_set("maxmemory", "0")
        live.main(theirs, job.Options(AS_OF))
        assert server.admin.smembers(Keys(own.settings.redis.prefix).suppressed) == {"9"}

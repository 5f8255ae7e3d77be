"""The laptop's broker and Redis, for real, on free ports and in folders of their own."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from jobs.errors import OperatorError
from jobs.local import broker, services
from jobs.settings.loading import Settings, load
from tests.conftest import free_port

pytestmark = pytest.mark.services


def settings_in(home: Path, *, kafka: str | None = None, heap: int = 256) -> Settings:
    """Settings with free ports and `home` as the local state; `kafka` is a broker elsewhere."""
    ports = [free_port() for _ in range(3)]
    base = load("local")
    local = {
        "broker_port": ports[0],
        "controller_port": ports[1],
        "redis_port": ports[2],
        "broker_heap_mb": heap,
    }
    bootstrap = kafka or f"127.0.0.1:{ports[0]}"
    return base.model_copy(
        update={
            "home": home,
            "local": base.local.model_copy(update=local),
            "kafka": base.kafka.model_copy(update={"bootstrap": bootstrap, "connect_seconds": 2}),
            "redis": base.redis.model_copy(update={"url": f"redis://127.0.0.1:{ports[2]}/0"}),
        }
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Broker and Redis, started on top of what an interrupted format leaves behind."""
    settings = settings_in(tmp_path_factory.mktemp("home"))
    for leftover in ("data.new", "data"):
        (settings.home / "kafka" / leftover).mkdir(parents=True)
        (settings.home / "kafka" / leftover / "bootstrap.checkpoint").write_bytes(b"half")
    services.up(settings)
    yield settings
    services.down(settings)


@pytest.fixture
def only_redis(tmp_path: Path) -> Iterator[Settings]:
    """Settings whose broker is elsewhere, with nothing started yet."""
    settings = settings_in(tmp_path / "home", kafka="broker.invalid:9092")
    yield settings
    services.down(settings)


def pids(settings: Settings) -> dict[str, int | None]:
    return {each.service: each.pid for each in services.status(settings)}


def client(settings: Settings) -> redis.Redis:
    return redis.Redis.from_url(settings.redis.url)


def produce(settings: Settings, value: bytes, topic: str = "") -> None:
    failures = []
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka.bootstrap,
            "message.timeout.ms": 20_000,
            "topic.metadata.propagation.max.ms": 2_000,
        }
    )
    producer.produce(
        topic or settings.kafka.topic,
        value,
        partition=0,
        on_delivery=lambda error, message: failures.append(error) if error else None,
    )
    assert producer.flush(20) == 0 and not failures, failures


def messages(settings: Settings, count: int) -> list[bytes]:
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka.bootstrap, "group.id": "t", "auto.offset.reset": "earliest"}
    )
    consumer.assign([TopicPartition(settings.kafka.topic, 0, OFFSET_BEGINNING)])
    values: list[bytes] = []
    ends = time.monotonic() + 20
    while len(values) < count and time.monotonic() < ends:
        values += [message.value() for message in consumer.consume(10, timeout=0.5) if not message.error()]
    consumer.close()
    return values


def test_both_run_and_a_second_up_changes_nothing(both: Settings) -> None:
    before = pids(both)
    lines = services.up(both)
    assert all(before.values()) and pids(both) == before
    assert [line.split(" on ")[0] for line in lines] == ["redis: already there", "kafka: already there"]
    assert all(each.answers and each.managed for each in services.status(both))


def test_the_half_formatted_folder_was_set_aside(both: Settings) -> None:
    folders = sorted(each.name.split("-")[0] for each in (both.home / "kafka").iterdir() if each.is_dir())
    assert folders == ["data", "data.damaged"]


def test_a_topic_is_made_once_and_only_on_demand(both: Settings) -> None:
    assert services.ensure_topic(both) is True
    assert services.ensure_topic(both) is False
    admin = broker.client(both.kafka.bootstrap, 5)
    assert len(admin.list_topics(timeout=5).topics[both.kafka.topic].partitions) == both.kafka.partitions
    with pytest.raises(AssertionError, match="UNKNOWN_TOPIC"):
        produce(both, b"lost", topic="mistyped")
    assert "mistyped" not in admin.list_topics(timeout=5).topics


def test_what_was_sent_survives_a_kill_and_a_restart(both: Settings) -> None:
    services.ensure_topic(both)
    # Larger than the contract allows: it must arrive all the same, to be quarantined.
    sent = [b"kept", b"x" * 300 * 1024]
    for value in sent:
        produce(both, value)
    client(both).set("kept", "yes")
    ended = {name: psutil.Process(pid) for name, pid in pids(both).items()}
    ended["kafka"].kill()
    ended["redis"].terminate()
    _, alive = psutil.wait_procs(ended.values(), timeout=10)
    assert not alive

    lines = services.up(both)

    assert [line.split(" on ")[0] for line in lines] == ["redis: started", "kafka: started"]
    assert messages(both, 2) == sent
    assert client(both).get("kept") == b"yes"


def test_a_taken_port_is_named_with_the_setting_that_moves_it(only_redis: Settings) -> None:
    port = only_redis.local.redis_port
    with socket.create_server(("127.0.0.1", port)), pytest.raises(OperatorError) as error:
        services.up(only_redis)
    for part in (f"port {port} for redis is taken", "local.redis_port", "LAKEHOUSE_LOCAL__REDIS_PORT"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recycled_process_id_is_left_alone(only_redis: Settings) -> None:
    # Even one that works in our folder: it is not a redis-server.
    run, folder = only_redis.home / "run", only_redis.home / "redis"
    run.mkdir(parents=True)
    folder.mkdir()
    bystander = subprocess.Popen(["sleep", "60"], cwd=folder)
    (run / "redis.json").write_text(f'{{"pid": {bystander.pid}, "address": "127.0.0.1:1"}}')
    try:
        assert services.down(only_redis) == ["redis: was not running", "kafka: was not running"]
        (run / "redis.json").write_text(f'{{"pid": {bystander.pid}, "address": "127.0.0.1:1"}}')
        assert services.up(only_redis)[0].startswith("redis: started")
        services.down(only_redis)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_lost_pid_file_does_not_lose_the_process(only_redis: Settings) -> None:
    services.up(only_redis)
    file = only_redis.home / "run" / "redis.json"
    pid = json.loads(file.read_text())["pid"]
    file.unlink()
    assert services.down(only_redis)[0] == f"redis: stopped (pid {pid})"
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_removed_folder_brings_a_new_server(only_redis: Settings) -> None:
    services.up(only_redis)
    client(only_redis).set("gone", "yes")
    subprocess.run(["rm", "-rf", str(only_redis.home)], check=True)
    assert services.up(only_redis)[0].startswith("redis: started")
    assert client(only_redis).get("gone") is None


def test_what_the_settings_point_elsewhere_is_neither_started_nor_stopped(only_redis: Settings) -> None:
    assert services.up(only_redis)[1] == ("kafka: at broker.invalid:9092 by the settings, not started here")
    kafka = services.status(only_redis)[1]
    assert (kafka.managed, kafka.pid, kafka.answers) == (False, None, False)
    assert not (only_redis.home / "kafka").exists()


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home", heap=1)
    try:
        with pytest.raises(OperatorError, match="kafka ended while it started, its log .*kafka.log says: .*heap"):
            services.up(settings)
    finally:
        services.down(settings)


def test_no_broker_is_one_clear_line(only_redis: Settings) -> None:
    began = time.monotonic()
    with pytest.raises(OperatorError, match=r"no Kafka broker answers at broker\.invalid:9092"):
        services.ensure_topic(only_redis)
    assert time.monotonic() - began < 30

"""`lakehouse streams run` as a user starts it: all streams in one process, failing and killed."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from deltalake import DeltaTable

from jobs.local import services
from jobs.privacy import keys
from tests.conftest import SHORT_LIVED_JVM, free_port, settings_under
from tests.events import event

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(400)]
COMMAND = [str(Path(sys.executable).with_name("lakehouse")), "streams", "run"]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> dict[str, str]:
    """The variables of a lake of its own, beside the broker and the Redis of all tests."""
    home = tmp_path_factory.mktemp("supervised")
    variables = {
        **environment,
        "LAKEHOUSE_LAKE__ROOT": f"{home}/lake",
        "LAKEHOUSE_KAFKA__TOPIC": "supervised",
        "LAKEHOUSE_REDIS__PREFIX": "supervised",
        "LAKEHOUSE_STREAMING__TRIGGER_SECONDS": "1",
        "LAKEHOUSE_STREAMING__HEALTH_PORT": str(free_port()),
        "LAKEHOUSE_SPARK__DRIVER_MEMORY": "2g",
    }
    settings = settings_under(variables)
    keys.keep(settings.privacy)
    services.ensure_topic(settings)
    return variables


@pytest.fixture
def process(local_services: Any, installation: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    own = {**os.environ, **SHORT_LIVED_JVM, **installation}
    with subprocess.Popen(COMMAND, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as started:
        yield started
        if started.poll() is None:
            started.kill()


def health(installation: dict[str, str]) -> dict[str, Any]:
    port = installation["LAKEHOUSE_STREAMING__HEALTH_PORT"]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            body: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        assert error.code == 503
        body = json.load(error)
        assert not body["healthy"]
    except OSError:
        body = {"healthy": False, "streams": []}
    return body


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        assert time.monotonic() < until
        time.sleep(0.5)


def test_all_run_and_end_behind_their_batch(process: subprocess.Popen[str], installation: dict[str, str]) -> None:
    settings = settings_under(installation)
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap})
    for number in range(20):
        producer.produce("supervised", json.dumps(event("purchase", event_id=f"s-{number}", user_id=str(number))))
    assert producer.flush(30) == 0
    wait_until(lambda: bool(health(installation)["healthy"]), process)
    streams = health(installation)["streams"]
    assert streams[0]["stream"] == "bronze.events" and len(streams) == 5
    place = f"{settings.lake.root}/silver/interactions"
    wait_until(lambda: DeltaTable.is_deltatable(place) and DeltaTable(place).count() == 40, process)
    wait_until(lambda: [one.get("messages") for one in health(installation)["streams"]] == [0] * 5, process)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said[-2000:]
    assert "streams: stopped; the same command carries on" in said
    assert "silver.events: running, batch" in said.replace("\n", " ") and "Traceback" not in said


def test_killed_and_started_again_it_carries_on(installation: dict[str, str], local_services: Any) -> None:
    """After SIGKILL amid the work: nothing is lost or doubled, and the locks are free."""
    settings = settings_under(installation)
    place, own = f"{settings.lake.root}/silver/interactions", {**os.environ, **SHORT_LIVED_JVM, **installation}
    before = DeltaTable(place).count()
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap})
    for number in range(200):
        producer.produce("supervised", json.dumps(event("purchase", event_id=f"k-{number}", user_id=str(number))))
    assert producer.flush(30) == 0
    bronze = f"{settings.lake.root}/bronze/events"
    landed = DeltaTable(bronze).count()
    with subprocess.Popen(COMMAND, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as first:
        wait_until(lambda: DeltaTable(bronze).count() > landed, first)
        first.kill()
    with subprocess.Popen(COMMAND, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as second:
        wait_until(lambda: DeltaTable(place).count() >= before + 400, second)
        second.send_signal(signal.SIGINT)
        said, _ = second.communicate(timeout=60)
    assert second.returncode == 0 and "Traceback" not in said, said[-2000:]
    assert DeltaTable(place).count() == before + 400


def test_what_is_no_stream_is_refused_at_once(installation: dict[str, str]) -> None:
    own = {**os.environ, **installation}
    run = subprocess.run([*COMMAND, "gold.ratings"], env=own, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and run.stderr.startswith("error: gold.ratings is no stream; the streams are: bronze")

"""`lakehouse streams run` as a user starts it: all streams in one process, failing and killed."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
STREAMS = 7
"""Four of the lake and three live ones."""


@pytest.fixture
def installation(tmp_path: Path, environment: dict[str, str], local_services: Any) -> dict[str, str]:
    """The variables of a lake and a topic of its own, beside the broker and the Redis of all tests."""
    variables = {
        **environment,
        "LAKEHOUSE_LAKE__ROOT": f"{tmp_path}/lake",
        "LAKEHOUSE_KAFKA__TOPIC": f"supervised-{uuid.uuid4().hex[:12]}",
        "LAKEHOUSE_REDIS__PREFIX": "supervised",
        "LAKEHOUSE_STREAMING__TRIGGER_SECONDS": "1",
        "LAKEHOUSE_STREAMING__HEALTH_PORT": str(free_port()),
        "LAKEHOUSE_SPARK__DRIVER_MEMORY": "2g",
    }
    settings = settings_under(variables)
    keys.keep(settings.privacy)
    services.ensure_topic(settings)
    return variables


@contextmanager
def started(installation: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    own = {**os.environ, **SHORT_LIVED_JVM, **installation}
    with subprocess.Popen(COMMAND, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        yield process
        if process.poll() is None:
            process.kill()


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


def send(installation: dict[str, str], first: str, count: int) -> None:
    kafka = settings_under(installation).kafka
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for number in range(count):
        producer.produce(kafka.topic, json.dumps(event("purchase", event_id=f"{first}-{number}", user_id=str(number))))
    assert producer.flush(30) == 0


def ended(process: subprocess.Popen[str], by: signal.Signals) -> str:
    """What it said until then."""
    process.send_signal(by)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in said, said[-2000:]
    assert "streams: stopped; the same command carries on" in said
    return said


def test_all_run_carry_on_after_a_kill_and_end_behind_their_batch(
    installation: dict[str, str],
) -> None:
    """After SIGKILL amid the work: nothing is lost or doubled, and the locks are free."""
    root = settings_under(installation).lake.root
    bronze, lines = f"{root}/bronze/events", f"{root}/silver/interactions"
    send(installation, "s", 20)
    with started(installation) as process:
        wait_until(lambda: bool(health(installation)["healthy"]), process)
        streams = health(installation)["streams"]
        assert streams[0]["stream"] == "bronze.events" and len(streams) == STREAMS
        wait_until(lambda: DeltaTable.is_deltatable(lines) and DeltaTable(lines).count() == 40, process)
        landed = DeltaTable(bronze).count()
        send(installation, "k", 200)
        wait_until(lambda: DeltaTable(bronze).count() > landed, process)
        process.kill()
    with started(installation) as process:
        wait_until(lambda: DeltaTable(lines).count() >= 440, process)
        wait_until(lambda: [one.get("messages") for one in health(installation)["streams"]] == [0] * STREAMS, process)
        said = ended(process, signal.SIGTERM)
    assert "silver.events: running, batch" in said.replace("\n", " ")
    assert DeltaTable(lines).count() == 440


@pytest.mark.long
def test_ended_by_ctrl_c_all_run_again_and_nothing_is_doubled(installation: dict[str, str]) -> None:
    lines = f"{settings_under(installation).lake.root}/silver/interactions"
    send(installation, "s", 20)
    with started(installation) as process:
        wait_until(lambda: DeltaTable.is_deltatable(lines) and DeltaTable(lines).count() == 40, process)
        ended(process, signal.SIGINT)
    with started(installation) as process:
        wait_until(lambda: bool(health(installation)["healthy"]), process)
        ended(process, signal.SIGINT)
    assert DeltaTable(lines).count() == 40


def test_what_is_no_stream_is_refused_at_once(installation: dict[str, str]) -> None:
    own = {**os.environ, **installation}
    run = subprocess.run([*COMMAND, "gold.ratings"], env=own, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and run.stderr.startswith("error: gold.ratings is no stream; the streams are: bronze")

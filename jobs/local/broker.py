"""The laptop's Kafka: one node that is broker and controller, run from the JARs that set-up fetched."""

import base64
import os
import shutil
import string
import subprocess
import uuid
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.error import KafkaException

from jobs.errors import OperatorError
from jobs.local import daemons
from jobs.local.daemons import Daemon
from jobs.local.setup import machine
from jobs.settings.loading import Settings

PROJECT = Path(__file__).resolve().parents[2]


def client(bootstrap: str, seconds: float) -> AdminClient:
    """An admin client that gives up after `seconds` and keeps librdkafka's complaints off the terminal."""
    return AdminClient(
        {
            "bootstrap.servers": bootstrap,
            "socket.timeout.ms": int(seconds * 1000),
            "socket.connection.setup.timeout.ms": max(1000, int(seconds * 1000)),
            "log_level": 0,
        }
    )


def answers(bootstrap: str, seconds: float = 3) -> bool:
    """Whether a broker answers a metadata request with at least one broker that serves."""
    try:
        return bool(client(bootstrap, seconds).list_topics(timeout=seconds).brokers)
    except KafkaException:
        return False


def start(daemon: Daemon, settings: Settings) -> int:
    """Format the data folder where that is new, then start the broker; returns its process id, does not wait.

    Raises OperatorError without Java or JARs, or when the folder cannot be formatted.
    """
    try:
        java = machine.java()[0]
    except machine.Missing as missing:
        raise OperatorError(str(missing)) from None
    if not any((PROJECT / ".jars" / "kafka").glob("kafka_*.jar")):
        raise OperatorError("the broker's JARs are not in .jars/kafka: run make setup")
    data = daemon.folder / "data"
    if not (data / "meta.properties").is_file():
        if data.exists():
            daemons.set_aside(data)
        _format(java, daemon, data, settings)
    properties = _rendered(daemon.folder / "kafka.properties", data, settings)
    heap = settings.local.broker_heap_mb
    return daemons.start(
        daemon,
        # Serial collection: with two cores and a small heap a parallel one takes what Spark needs.
        [str(java), f"-Xms{min(256, heap)}m", f"-Xmx{heap}m", "-XX:+UseSerialGC",
         "-XX:+ExitOnOutOfMemoryError", *_logging("info"), "-cp", _class_path(),
         "kafka.Kafka", str(properties)],
    )  # fmt: skip


def _format(java: Path, daemon: Daemon, data: Path, settings: Settings) -> None:
    """Write a new cluster's identity, in a folder beside that is then renamed: all of it is there or none."""
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    properties = _rendered(daemon.folder / "format.properties", fresh, settings)
    # Kafka's form of a UUID. The prefix keeps it from starting with a dash, which would read as an option.
    cluster = "L" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:21] + "A"
    result = subprocess.run(
        [str(java), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *_logging("error"),
         "-cp", _class_path(), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    if result.returncode:
        reason = " / ".join((result.stderr or result.stdout).strip().splitlines()[-3:])[-400:]
        raise OperatorError(f"the broker's folder {data} cannot be formatted: {reason}")
    os.replace(fresh, data)
    properties.unlink()


def _rendered(target: Path, data: Path, settings: Settings) -> Path:
    template = string.Template((PROJECT / "conf" / "kafka.properties").read_text(encoding="utf-8"))
    text = template.substitute(
        broker_port=settings.local.broker_port,
        controller_port=settings.local.controller_port,
        partitions=settings.kafka.partitions,
        log_dir=str(data).replace("\\", "\\\\"),
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target


def _class_path() -> str:
    return str(PROJECT / ".jars" / "kafka" / "*")


def _logging(level: str) -> list[str]:
    option = "-Dorg.slf4j.simpleLogger."
    return [f"{option}defaultLogLevel={level}", f"{option}showDateTime=true", f"{option}showThreadName=false",
            f"{option}dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS"]  # fmt: skip

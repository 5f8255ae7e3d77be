"""ingest_continuous: both streams run by themselves while a shop sends at a steady rate; what lags, waits and grows."""

import os
import signal
import subprocess
import sys
import time
from itertools import count
from typing import Any

import psutil
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.ledger.message_counts import message_counts
from jobs.local import services
from jobs.settings.loading import Settings
from tests.bench.clock import result
from tests.bench.messages import outbox, purchases
from tests.other_lake import changed
from tests.processes import answers

PER_SECOND = 2_000
MINUTES = 30
STREAMS = ("bronze.events", "silver.events")
# A heap takes what it may before it is swept, so that it is as small as will do; a micro-batch every five seconds.
OWN = {"LAKEHOUSE_SPARK__DRIVER_MEMORY": "1g", "LAKEHOUSE_STREAMING__TRIGGER_SECONDS": "5"}
TICK = 0.1


def case(lake: Lake) -> dict[str, Any]:
    steady = changed(lake, kafka={"topic": "steady"}, lake={"root": f"{lake.settings.home}/lake_of_steady"})
    topic = {"LAKEHOUSE_KAFKA__TOPIC": "steady", "LAKEHOUSE_LAKE__ROOT": steady.root}
    own = steady.settings
    services.ensure_topic(own)
    _send_for(own, 1)  # silver's stream needs a bronze to read
    lakehouse = os.path.join(os.path.dirname(sys.executable), "lakehouse")
    environment = {**os.environ, **OWN, **topic}
    subprocess.run([lakehouse, "run", "bronze.events"], env=environment, check=True, stderr=subprocess.DEVNULL)
    running = [
        subprocess.Popen([lakehouse, "run", name, "--continuous"], env=environment, stderr=subprocess.DEVNULL)
        for name in STREAMS
    ]
    try:
        _until_landed(own, PER_SECOND)
        since = time.time()
        lags, memory = _sent_steadily(own, running)
        began = time.monotonic()
        _until_landed(own, PER_SECOND * (1 + 60 * MINUTES))
        behind = time.monotonic() - began
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait(60)
    p50, p95, p99 = _delays(steady, since)
    return result(
        p95,
        "s from Kafka to silver.events, 95th percentile",
        "s between micro-batches",
        float(OWN["LAKEHOUSE_STREAMING__TRIGGER_SECONDS"]),
        PER_SECOND * 60 * MINUTES,
        p50=p50,
        p99=p99,
        lag_by_minute=lags,
        memory_mib_by_minute=memory,
        memory_last_to_tenth=round(memory[-1] / memory[9], 3),
        seconds_to_catch_up=round(behind, 1),
    )


def _sent_steadily(settings: Settings, running: list["subprocess.Popen[bytes]"]) -> tuple[list[int], list[int]]:
    """Messages sent and not yet accounted for, and MiB of both streams, at the end of each minute."""
    lags, memory, first = [], [], PER_SECOND
    for _ in range(MINUTES):
        _send_for(settings, 60, first)
        first += PER_SECOND * 60
        counts = message_counts(settings)
        lags.append(first - (counts.received if counts else 0))
        memory.append(sum(_mib(process.pid) for process in running))
        print(f"ingest_continuous: {first:,} sent, {lags[-1]:,} under way, {memory[-1]:,} MiB", flush=True)
    return lags, memory


def _send_for(settings: Settings, duration: float, first: int = 0) -> None:
    """Messages numbered from `first`, at the steady rate, for some seconds."""
    sending = outbox(settings, linger_ms=5)
    began, each = time.monotonic(), int(PER_SECOND * TICK)
    messages = purchases(first, int(PER_SECOND * duration))
    for tick in count(1):
        for _, message in zip(range(each), messages, strict=False):
            sending.put(message)
        if tick * each >= PER_SECOND * duration:
            break
        time.sleep(max(0.0, began + tick * TICK - time.monotonic()))
    sending.close()


def _until_landed(settings: Settings, many: int, patience: float = 300) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        counts = message_counts(settings)
        if counts is not None and counts.received >= many:
            return
        time.sleep(1)
    raise RuntimeError(f"of {many:,} messages {counts.received if counts else 0:,} were accounted for")


def _mib(pid: int) -> int:
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(memory.rss for _, memory in answers(family, psutil.Process.memory_info)) >> 20


def _delays(lake: Lake, since: float) -> list[float]:
    """Seconds from a message's arrival in Kafka, after `since`, to its file of silver.events, at three percentiles."""
    rows = tables.read(lake, "silver.events").where(F.col("received_at") > F.lit(since).cast("timestamp"))
    landed = F.col("_metadata.file_modification_time").cast("double")
    delay = rows.select((landed - F.col("received_at").cast("double")).alias("delay"))
    return [round(one, 1) for one in delay.approxQuantile("delay", [0.5, 0.95, 0.99], 0.001)]

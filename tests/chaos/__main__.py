"""`python -m tests.chaos [KILLS]`: kills and hinders the landing in every way named here, and kills the live jobs.

What is left is compared with a lake that nothing happened to, and Redis with the lake. Writes build/chaos.json; exits 1
unless all three of lost, doubled and differences are 0.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from random import Random

import psutil
import pytest
from pyspark.sql import functions as F

from jobs.bronze import events as bronze_events
from jobs.errors import OperatorError
from jobs.lake import checkpoints, tables
from jobs.lake.session import open_lake
from jobs.lake.writer_lock import writer_lock
from jobs.landing import topic
from jobs.local import services
from jobs.silver import events as silver_events
from tests import cluster, topics
from tests.chaos import live
from tests.chaos.installation import ANSWER_SECONDS, Installation, kill, report
from tests.chaos.killed_process import EXECUTORS_LOST, OPTIONS, POINTS, maintain
from tests.conftest import SHORT_LIVED_JVM, free_port, settings_under
from tests.other_lake import rooted

AT_RANDOM = "at random"
RANDOM_KILLS = 30
TIMES_AT_EACH_POINT = 3
MESSAGES = 400
SEED = 7
GONE = 20  # messages of each partition


def main(words: list[str]) -> None:
    random_kills = int(words[0]) if words else RANDOM_KILLS
    times = TIMES_AT_EACH_POINT if random_kills == RANDOM_KILLS else 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lakehouse-chaos-") as folder:
        installation = begun(Path(folder))
        try:
            at_random(installation, random_kills)
            at_each_point(installation, times)
            for fault in FAULTS:
                fault(installation)
                installation.recover()
                installation.check()
                _tell(installation, fault.__name__)
            lake, environment, tally = installation.lake, installation.environment, installation.tally
            shop = live.shop_beside(lake, environment, Path(folder), Random(SEED), tally)
            live.killed(shop, live.KILLS if random_kills == RANDOM_KILLS else random_kills)
            shop.compare()
            _tell(installation, "live jobs")
        finally:
            installation.end()
            services.down(installation.settings)
    outcome = report(installation.tally, seed=SEED, messages=installation.sent, seconds=round(time.monotonic() - began))
    target = Path("build") / "chaos.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(outcome, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(outcome, indent=2))
    if outcome["lost"] or outcome["doubled"] or outcome["differences"]:
        sys.exit(1)


def begun(folder: Path) -> Installation:
    """A whole installation of its own, with messages on its topic and nothing landed."""
    ports = {name: str(free_port()) for name in ("BROKER", "CONTROLLER", "REDIS")}
    environment = {
        **SHORT_LIVED_JVM,
        "LAKEHOUSE_HOME": str(folder / "home"),
        "LAKEHOUSE_SPARK__DRIVER_MEMORY": "1g",
        "LAKEHOUSE_KAFKA__PARTITIONS": "2",
        "LAKEHOUSE_KAFKA__MAX_OFFSETS_PER_TRIGGER": "150",
        **{f"LAKEHOUSE_LOCAL__{name}_PORT": port for name, port in ports.items()},
    }
    settings = settings_under(environment)
    services.up(settings)
    services.ensure_topic(settings)
    lake = open_lake("chaos", settings)
    installation = Installation(lake, environment, rooted(lake, folder / "calm"), Random(SEED))
    installation.send(MESSAGES)
    return installation


def at_random(installation: Installation, times: int) -> None:
    """Kills the landing at instants drawn from the time that an undisturbed one takes; again where it was over."""
    whole = _seconds_of(installation)
    while installation.tally.kills.get(AT_RANDOM, 0) < times:
        installation.send(MESSAGES)
        process = installation.process("land")
        try:
            process.wait(installation.rng.uniform(0, whole))
        except subprocess.TimeoutExpired:
            if kill(process):
                installation.tally.count(installation.tally.kills, AT_RANDOM)
        installation.recover()
        installation.check()
        _tell(installation, AT_RANDOM)


def at_each_point(installation: Installation, times: int, points: Iterable[str] = POINTS) -> None:
    for point in points:
        work, _ = POINTS[point]
        for number in range(times):
            installation.send(MESSAGES)
            if work != "land":
                installation.recover()
            _kill_at(installation, point)
            installation.recover()
            if work == "replay":
                installation.replay_both()
            installation.check()
            _tell(installation, f"{point}, {number + 1} of {times}")


def the_broker_is_killed_and_comes_back(installation: Installation) -> None:
    installation.send(MESSAGES)
    process = installation.process("land")
    for status in services.status(installation.settings):
        if status.service == "kafka" and status.pid:
            broker = psutil.Process(status.pid)
            broker.kill()
            broker.wait(ANSWER_SECONDS)
    services.up(installation.settings)
    process.wait(ANSWER_SECONDS)
    installation.tally.count(installation.tally.faults, "broker killed and restarted")


def the_job_is_started_twice(installation: Installation) -> None:
    with writer_lock(installation.lake.root, "silver.events"):
        second = subprocess.run(
            [str(Path(sys.executable).with_name("lakehouse")), "run", "silver.events"],
            env={**os.environ, **installation.environment},
            cwd=installation.settings.project,
            capture_output=True,
            text=True,
            check=False,
        )
    if second.returncode == 0 or "running already" not in second.stderr + second.stdout:
        installation.tally.differences.append(f"a second writer was not refused: {second.stderr[-300:]}")
    installation.tally.count(installation.tally.faults, "same job twice")


def files_are_joined_beside_it(installation: Installation) -> None:
    """OPTIMIZE and VACUUM of every table, again and again, for as long as the landing takes."""
    installation.send(MESSAGES)
    process = installation.process("land")
    while process.poll() is None:
        maintain(installation.lake)
    if process.wait() != 0:
        installation.tally.differences.append("the landing ended beside upkeep")
    installation.tally.count(installation.tally.faults, "files joined and removed beside it")


def the_disk_is_full(installation: Installation) -> None:
    """The lake's disk takes nothing more: the job says so in one line, and carries on when there is room."""
    root = Path(installation.settings.lake.root)
    aside = root.with_name("aside")
    root.rename(aside)
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(root)], check=True)
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", str(root)], check=True)
        full = root / "full"
        room = os.statvfs(root)
        full.write_bytes(b"\0" * (room.f_bavail * room.f_frsize - 64 * 1024))
        installation.send(MESSAGES)
        with pytest.raises(OperatorError, match="stopped"):
            installation.recover()
        full.unlink()
        installation.recover()
        installation.check()
    finally:
        subprocess.run(["cp", "-a", f"{root}/.", str(aside)], check=True)
        subprocess.run(["umount", str(root)], check=True)
        root.rmdir()
        aside.rename(root)
    installation.tally.count(installation.tally.faults, "disk full")


def the_topic_is_made_anew(installation: Installation) -> None:
    """All that was sent has landed; then the topic is another one under the old name, and a landing of it is killed."""
    installation.recover()
    installation.check()
    topics.make_anew(installation.lake)
    installation.send(MESSAGES)
    _kill_at(installation, "between silver and quarantine")
    installation.recover()
    generations = tables.read(installation.lake, "bronze.events").select("topic_id").distinct().count()
    if generations != 2:
        installation.tally.differences.append(f"{generations} generations of the topic in bronze.events, expected 2")
    installation.tally.count(installation.tally.faults, "topic made anew")


def retention_is_ahead_of_the_stream(installation: Installation) -> None:
    """Kafka removes messages that nobody landed: the run says how many, and goes on without them when told to."""
    installation.recover()
    installation.check()
    ends = [end for _, end in topic.extents(installation.settings, installation.settings.kafka.partitions)]
    installation.send(MESSAGES)
    for partition, end in enumerate(ends):
        topics.cut(installation.lake, end + GONE, partition)
    with pytest.raises(OperatorError, match=f"{GONE} .*--accept-loss"):
        installation.recover()
    for lake in (installation.lake, installation.calm):
        bronze_events.main(lake, replace(OPTIONS, accept_loss=True))
    installation.recover()
    lost = tables.read(installation.lake, "ops.ledger").agg(F.sum("lost").alias("lost")).collect()[0]["lost"]
    if lost != GONE * len(ends):
        installation.tally.differences.append(
            f"{lost} messages noted as lost before landing, expected {GONE * len(ends)}"
        )
    installation.tally.count(installation.tally.faults, "retention ahead of the stream")


def checkpoints_are_lost(installation: Installation) -> None:
    """In the middle of a landing that was killed; rebuilt from what the tables hold, nothing is there twice."""
    installation.send(MESSAGES)
    _kill_at(installation, "between quarantine and ledger")
    for stream in (bronze_events, silver_events):
        for checkpoint in checkpoints.all_of(installation.lake, stream.TABLE):
            shutil.rmtree(checkpoint.path)
        with pytest.raises(OperatorError, match=f"lakehouse streams rebuild {stream.TABLE}"):
            stream.main(installation.lake, OPTIONS)
        stream.rebuild(installation.lake)
        stream.main(installation.lake, OPTIONS)
    installation.tally.count(installation.tally.faults, "checkpoint lost")


def executors_are_killed_in_mid_batch(installation: Installation) -> None:
    """On a cluster of two workers; between two tables of one micro-batch all executors go, with what they held."""
    with tempfile.TemporaryDirectory() as folder, cluster.standalone(Path(folder), workers=2) as url:
        installation.send(MESSAGES)
        process = installation.process("land", EXECUTORS_LOST, LAKEHOUSE_SPARK__MASTER=url)
        if process.wait(ANSWER_SECONDS) != 0:
            installation.tally.differences.append("the landing did not survive its executors")
    installation.tally.count(installation.tally.faults, "executors killed in mid-batch")


FAULTS: list[Callable[[Installation], None]] = [
    the_broker_is_killed_and_comes_back,
    the_job_is_started_twice,
    files_are_joined_beside_it,
    the_disk_is_full,
    checkpoints_are_lost,
    the_topic_is_made_anew,
    retention_is_ahead_of_the_stream,
    executors_are_killed_in_mid_batch,
]


def _kill_at(installation: Installation, point: str) -> None:
    """Lets a landing kill itself at that point, and counts it."""
    work, _ = POINTS[point]
    if installation.process(work, point).wait(ANSWER_SECONDS) != -9:
        raise RuntimeError(f"the process passed the point {point!r} alive")
    installation.tally.count(installation.tally.kills, point)


def _seconds_of(installation: Installation) -> float:
    process = installation.process("land")
    start = time.monotonic()
    if process.wait(ANSWER_SECONDS) != 0:
        raise RuntimeError("an undisturbed landing failed")
    return time.monotonic() - start


def _tell(installation: Installation, what: str) -> None:
    tally = installation.tally
    print(f"{what}: {sum(tally.kills.values())} kills, {tally.differences or 'no difference'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

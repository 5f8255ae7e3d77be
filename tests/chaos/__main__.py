"""`python -m tests.chaos [KILLS]`: kills and hinders the landing in every way named here.

What is left is compared with a lake that nothing happened to. Writes build/chaos.json; exits 1 unless all three of
lost, doubled and differences are 0.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import psutil
import pytest

from jobs.errors import OperatorError
from jobs.lake.session import spark_for
from jobs.lake.writer_lock import writer_lock
from jobs.local import services
from tests.chaos.victim import POINTS, maintain
from tests.chaos.world import ANSWER_SECONDS, World, kill, report
from tests.conftest import SHORT_LIVED_JVM, free_port, settings_under

AT_RANDOM = "at random"
RANDOM_KILLS = 30
TIMES_AT_EACH_POINT = 3
MESSAGES = 400
SEED = 7


def main(words: list[str]) -> None:
    random_kills = int(words[0]) if words else RANDOM_KILLS
    times = TIMES_AT_EACH_POINT if random_kills == RANDOM_KILLS else 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lakehouse-chaos-") as folder:
        world = begun(Path(folder))
        try:
            at_random(world, random_kills)
            at_each_point(world, times)
            for fault in FAULTS:
                fault(world)
                world.recover()
                world.check()
                _tell(world, fault.__name__)
        finally:
            world.end()
            services.down(world.settings)
    found = report(world.found, seed=SEED, messages=world.sent, seconds=round(time.monotonic() - began))
    target = Path("build") / "chaos.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))
    if found["lost"] or found["doubled"] or found["differences"]:
        sys.exit(1)


def begun(folder: Path) -> World:
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
    spark = spark_for("chaos", settings)
    world = World(settings, environment, spark, f"{folder}/calm", Random(SEED))
    world.send(MESSAGES)
    return world


def at_random(world: World, times: int) -> None:
    """Kills the landing at instants drawn from the time that an undisturbed one takes; again where it was over."""
    whole = _seconds_of(world)
    while world.found.kills.get(AT_RANDOM, 0) < times:
        world.send(MESSAGES)
        process = world.victim("land")
        try:
            process.wait(world.rng.uniform(0, whole))
        except subprocess.TimeoutExpired:
            if kill(process):
                world.found.count(world.found.kills, AT_RANDOM)
        world.recover()
        world.check()
        _tell(world, AT_RANDOM)


def at_each_point(world: World, times: int, points: Iterable[str] = POINTS) -> None:
    for point in points:
        work, _ = POINTS[point]
        for number in range(times):
            world.send(MESSAGES)
            if work != "land":
                world.recover()
            process = world.victim(work, point)
            if process.wait(ANSWER_SECONDS) != -9:
                raise RuntimeError(f"the victim passed the point {point!r} alive")
            world.found.count(world.found.kills, point)
            world.recover()
            if work == "replay":
                world.replay_both()
            world.check()
            _tell(world, f"{point}, {number + 1} of {times}")


def the_broker_is_killed_and_comes_back(world: World) -> None:
    world.send(MESSAGES)
    process = world.victim("land")
    for status in services.status(world.settings):
        if status.service == "kafka" and status.pid:
            psutil.Process(status.pid).kill()
    services.up(world.settings)
    process.wait(ANSWER_SECONDS)
    world.found.count(world.found.faults, "broker killed and restarted")


def the_job_is_started_twice(world: World) -> None:
    with writer_lock(world.settings, "silver.events"):
        second = subprocess.run(
            [str(Path(sys.executable).with_name("lakehouse")), "run", "silver.events"],
            env={**os.environ, **world.environment},
            cwd=world.settings.project,
            capture_output=True,
            text=True,
            check=False,
        )
    if second.returncode == 0 or "running already" not in second.stderr + second.stdout:
        world.found.differences.append(f"a second writer was not refused: {second.stderr[-300:]}")
    world.found.count(world.found.faults, "same job twice")


def files_are_joined_beside_it(world: World) -> None:
    """OPTIMIZE and VACUUM of every table, again and again, for as long as the landing takes."""
    world.send(MESSAGES)
    process = world.victim("land")
    while process.poll() is None:
        maintain(world.settings)
    if process.wait() != 0:
        world.found.differences.append("the landing ended beside upkeep")
    world.found.count(world.found.faults, "files joined and removed beside it")


def the_disk_is_full(world: World) -> None:
    """The lake's disk takes nothing more: the job says so in one line, and carries on when there is room."""
    root = Path(world.settings.lake.root)
    aside = root.with_name("aside")
    root.rename(aside)
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(root)], check=True)
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", str(root)], check=True)
        full = root / "full"
        room = os.statvfs(root)
        full.write_bytes(b"\0" * (room.f_bavail * room.f_frsize - 64 * 1024))
        world.send(MESSAGES)
        with pytest.raises(OperatorError, match="stopped"):
            world.recover()
        full.unlink()
        world.recover()
        world.check()
    finally:
        subprocess.run(["cp", "-a", f"{root}/.", str(aside)], check=True)
        subprocess.run(["umount", str(root)], check=True)
        root.rmdir()
        aside.rename(root)
    world.found.count(world.found.faults, "disk full")


FAULTS: list[Callable[[World], None]] = [
    the_broker_is_killed_and_comes_back,
    the_job_is_started_twice,
    files_are_joined_beside_it,
    the_disk_is_full,
]


def _seconds_of(world: World) -> float:
    process = world.victim("land")
    start = time.monotonic()
    if process.wait(ANSWER_SECONDS) != 0:
        raise RuntimeError("an undisturbed landing failed")
    return time.monotonic() - start


def _tell(world: World, what: str) -> None:
    found = world.found
    print(f"{what}: {sum(found.kills.values())} kills, {found.differences or 'no difference'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""`python -m tests.chaos.killed_process`: does some of the lake's work, and kills itself at a named point.

Prints `ready` as soon as Spark is up, and waits for a line of what to do: the work and, if it is to die of itself, a
tab and the point. It dies as a machine does: with SIGKILL, the JVM with it.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs import job
from jobs.bronze import events as bronze_events
from jobs.lake import places, tables
from jobs.lake.lake import Lake
from jobs.lake.session import open_lake
from jobs.landing import plain
from jobs.maintenance import upkeep
from jobs.quarantine import replay
from jobs.quarantine.review import Choice
from jobs.settings.loading import load
from jobs.silver import events as silver_events
from tests.cluster import executors

JOINED = ("silver.events", "bronze.events", "quarantine.events")
EXECUTORS_LOST = "executors are lost"
"""The one point at which it does not die: the executors do that work for it."""
FEW, ALL = 10, 10**9
"""Of messages: with a shop's limit none of the small micro-batches here would go the way of most; none at all does."""
OPTIONS = job.Options(job.moment("2018-01-01"))


def die(*_: Any, **__: Any) -> None:
    os.killpg(os.getpgid(0), signal.SIGKILL)


def then_die(work: Callable[..., Any], when: Callable[..., bool] = lambda *_: True) -> Callable[..., Any]:
    """The work, and death right behind it where `when` says so of its arguments."""

    def work_and_die(*arguments: Any, **named: Any) -> Any:
        result = work(*arguments, **named)
        if when(*arguments):
            die()
        return result

    return work_and_die


def _after_table(name: str) -> None:
    _set(tables, "append_once", then_die(tables.append_once, lambda _, table, *rest: table == name))


def _kill_executors_before(table: str) -> None:
    """Once, before the first write to the table: what the executors hold of the micro-batch goes with them."""
    write, url = tables.append_once, load().spark.master
    killed: list[int] = []

    def killing(lake: Lake, name: str, *rest: Any) -> None:
        if name == table and not killed:
            for process in executors(url):
                process.kill()
                killed.append(process.pid)
            if not killed:
                raise RuntimeError("there was no executor to kill")
        write(lake, name, *rest)

    _set(tables, "append_once", killing)


def _set(module: Any, name: str, work: Callable[..., Any]) -> None:
    setattr(module, name, work)


def _at_first_file() -> None:
    """Death as soon as there is one more data file of silver.events, which no commit names yet."""
    table = Path(places.table(load().lake.root, JOINED[0]))
    before = set(table.rglob("*.parquet"))

    def watch() -> None:
        while set(table.rglob("*.parquet")) <= before:
            time.sleep(0.001)
        die()

    threading.Thread(target=watch, daemon=True).start()


# The point -> the work that has it, and what makes it deadly.
POINTS: dict[str, tuple[str, Callable[[], None]]] = {
    "after the read": ("land", lambda: _set(silver_events, "as_judged", die)),
    "after bronze": ("land", lambda: _set(bronze_events, "main", then_die(bronze_events.main))),
    "between silver and quarantine": ("land", lambda: _after_table("silver.events")),
    "between quarantine and ledger": ("land", lambda: _after_table("quarantine.events")),
    "before the commit log": ("land", lambda: _set(silver_events, "land", then_die(silver_events.land))),
    "after the commit log": ("land", lambda: _set(silver_events, "main", then_die(silver_events.main))),
    "in replay, after silver": ("replay", lambda: _set(replay, "settle", die)),
    "in replay, after quarantine": ("replay", lambda: _set(replay, "settle", then_die(replay.settle))),
    "in maintenance, while files are joined": ("maintain", _at_first_file),
    "in maintenance, before old ones are removed": ("maintain", lambda: _set(upkeep, "_vacuumed", die)),
}
FATAL_TO_EXECUTORS: dict[str, tuple[str, Callable[[], None]]] = {
    EXECUTORS_LOST: ("land", lambda: _kill_executors_before("quarantine.events")),
}


def land(lake: Lake, few: int = FEW) -> None:
    """The topic into bronze and silver, by the way of plain messages where more than `few` are so."""
    usual, plain.FEW = plain.FEW, few
    try:
        bronze_events.main(lake, OPTIONS)
        silver_events.main(lake, OPTIONS)
    finally:
        plain.FEW = usual


def again(lake: Lake) -> None:
    replay.replay(lake, Choice())


def maintain(lake: Lake) -> None:
    for name in JOINED:
        upkeep.keep(lake, name, upkeep.plan(lake.settings.maintenance, name))


WORK = {"land": land, "replay": again, "maintain": maintain}


def main() -> None:
    lake = open_lake("chaos", load())
    print("ready", flush=True)
    work, _, point = sys.stdin.readline().rstrip("\n").partition("\t")
    if point:
        _, prepare = {**POINTS, **FATAL_TO_EXECUTORS}[point]
        prepare()
    WORK[work](lake)
    print("done", flush=True)


if __name__ == "__main__":
    main()

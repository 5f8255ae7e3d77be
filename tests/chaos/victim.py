"""`python -m tests.chaos.victim WORK [POINT]`: does some of the lake's work, and kills itself at a named point.

Prints `ready` as soon as Spark is up, so that whoever wants to kill it at random knows from when. It dies as a machine
does: with SIGKILL, the JVM with it.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from jobs.bronze import events as bronze_events
from jobs.lake import job, tables
from jobs.lake.session import spark_for
from jobs.lake.settings import load
from jobs.quarantine import replay
from jobs.quarantine.review import Choice
from jobs.silver import events as silver_events

OPTIONS = job.Options(job.moment("2018-01-01"))


def die(*_: Any, **__: Any) -> None:
    os.killpg(os.getpgid(0), signal.SIGKILL)


def then_die(work: Callable[..., Any], when: Callable[..., bool] = lambda *_: True) -> Callable[..., Any]:
    """The work, and death right behind it where `when` says so of its arguments."""

    def done(*given: Any, **named: Any) -> Any:
        made = work(*given, **named)
        if when(*given):
            die()
        return made

    return done


def _after_table(name: str) -> None:
    _set(tables, "append_once", then_die(tables.append_once, lambda _, table, *rest: table == name))


def _set(module: Any, name: str, work: Callable[..., Any]) -> None:
    setattr(module, name, work)


POINTS: dict[str, Callable[[], None]] = {
    "after the read": lambda: _set(silver_events, "as_judged", die),
    "after bronze": lambda: _set(bronze_events, "main", then_die(bronze_events.main)),
    "between silver and quarantine": lambda: _after_table("silver.events"),
    "between quarantine and ledger": lambda: _after_table("quarantine.events"),
    "before the commit log": lambda: _set(silver_events, "land", then_die(silver_events.land)),
    "after the commit log": lambda: _set(silver_events, "main", then_die(silver_events.main)),
    "in replay, after silver": lambda: _set(replay, "settle", die),
    "in replay, after quarantine": lambda: _set(replay, "settle", then_die(replay.settle)),
}


def land(settings: Any) -> None:
    bronze_events.main(settings, OPTIONS)
    silver_events.main(settings, OPTIONS)


def again(settings: Any) -> None:
    replay.replay(spark_for("chaos", settings), settings, Choice())


WORK = {"land": land, "replay": again}


def main(words: list[str]) -> None:
    settings = load()
    spark_for("chaos", settings)
    if len(words) > 1:
        POINTS[words[1]]()
    print("ready", flush=True)
    WORK[words[0]](settings)
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

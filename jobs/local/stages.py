"""The demo's stages: each starts when those that it waits for have ended, two at a time, and is measured."""

import graphlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from jobs import output
from jobs.local import memory
from jobs.settings.loading import Settings

AT_ONCE = 2


@dataclass(frozen=True)
class Stage:
    """`after`: the names of the stages that must have ended before it starts."""

    name: str
    work: Callable[[], Any]
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """A stage that has ended: what its work returned, how long it took, and the most memory, in MiB, that all that ran
    meanwhile took together."""

    result: Any
    seconds: float
    peak_mib: int


Outcome = tuple[str, Ended | BaseException]
"""A stage's name, and what became of it."""


def run(settings: Settings, stages: Sequence[Stage], at_once: int = AT_ONCE) -> dict[str, Ended]:
    """Runs them all, of those that may start the first in `stages` first, and shows each when it has ended.

    What a stage raises is raised when those beside it have ended; no other is started then.
    """
    waiting: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter({one.name: one.after for one in stages})
    waiting.prepare()
    over: queue.Queue[Outcome] = queue.Queue()
    ready: set[str] = set()
    running: dict[str, TaskID] = {}
    ended: dict[str, Ended] = {}
    failures: list[BaseException] = []

    def work(stage: Stage) -> None:
        try:
            over.put((stage.name, _measured(settings, stage)))
        except BaseException as error:
            over.put((stage.name, error))

    with output.progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as progress:
        while running or (waiting.is_active() and not failures):
            ready.update(waiting.get_ready())
            for stage in [one for one in stages if one.name in ready and not failures][: at_once - len(running)]:
                ready.remove(stage.name)
                running[stage.name] = progress.add_task(stage.name, total=None)
                # As a daemon: Ctrl-C ends the process, whatever Spark is at.
                threading.Thread(target=work, args=(stage,), name=stage.name, daemon=True).start()
            name, outcome = _next(over)
            progress.remove_task(running.pop(name))
            waiting.done(name)
            if isinstance(outcome, Ended):
                ended[name] = outcome
                output.show(f"✓ {name:<24} {outcome.seconds:6.1f} s   {outcome.peak_mib:6,} MiB")
            else:
                failures.append(outcome)
    if failures:
        raise failures[0]
    return ended


def _next(over: queue.Queue[Outcome]) -> Outcome:
    """Waits in short turns: Ctrl-C does not wake this thread where the system tells another one of it."""
    while True:
        with suppress(queue.Empty):
            return over.get(timeout=0.5)


def _measured(settings: Settings, stage: Stage) -> Ended:
    with memory.watched(settings) as peak:
        began = time.monotonic()
        result = stage.work()
        seconds = round(time.monotonic() - began, 1)
    return Ended(result, seconds, peak.mib)

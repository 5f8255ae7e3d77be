"""How far the running job is, while it works: a bar on a terminal, a line every ten seconds elsewhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from py4j.protocol import Py4JError
from pyspark import SparkContext
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from jobs import output
from jobs.output import log

LINE_SECONDS, BAR_SECONDS = 10.0, 0.5


@dataclass(frozen=True)
class Tasks:
    """Of the stages that Spark runs now."""

    done: int
    total: int


@contextmanager
def shown(name: str) -> Iterator[None]:
    """Shows what Spark does for job `name` while the block lasts."""
    ended = threading.Event()
    show = _bar if output.is_terminal() else _lines
    watcher = threading.Thread(target=show, args=(name, ended), name=f"{name} progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _bar(name: str, ended: threading.Event) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with output.progress(*columns) as progress:
        bar = progress.add_task(f"{name}: starting", total=None)
        while not ended.wait(BAR_SECONDS):
            _move(progress, bar, name, _tasks())


def _move(progress: Progress, bar: object, name: str, tasks: Tasks | None) -> None:
    if tasks is not None:
        progress.update(bar, description=name, completed=tasks.done, total=tasks.total)  # type: ignore[arg-type]


def _lines(name: str, ended: threading.Event) -> None:
    began = time.monotonic()
    while not ended.wait(LINE_SECONDS):
        if (tasks := _tasks()) is not None:
            seconds = time.monotonic() - began
            log.info("%s: %.0f s, %d of %d tasks of what runs now", name, seconds, tasks.done, tasks.total)


def _tasks() -> Tasks | None:
    """None where Spark runs nothing, is not started yet, or is gone."""
    context = SparkContext._active_spark_context
    if context is None:
        return None
    try:
        tracker = context.statusTracker()
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    except (Py4JError, OSError, AttributeError):  # a context that starts, or ends, has no `_jsc` to ask
        return None
    running = [stage for stage in stages if stage is not None]
    if not running:
        return None
    return Tasks(sum(stage.numCompletedTasks for stage in running), sum(stage.numTasks for stage in running))

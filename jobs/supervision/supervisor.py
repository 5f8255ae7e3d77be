"""Every stream in one process: started in order, and started again, with backoff, when one fails.

Each runs in a thread of its own, on the session that all share. A stream that fails does not stop the others. Where the
JVM itself is gone nothing can go on here, and the process ends, for whoever supervises it to start it anew.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from py4j.protocol import Py4JError

from jobs.errors import OperatorError
from jobs.job import Job, Options
from jobs.lake.lake import Lake

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
CALM_SECONDS = 120.0
"""A stream that ran so long before it failed is started again after the first pause."""
BEGIN_SECONDS = 60.0
"""How long one may take to begin before the next is started all the same."""
LAST_BATCH_SECONDS, END_SECONDS = 45.0, 60.0
"""How long a stream may take to finish its micro-batch before it is stopped amid it, and how long to end before the
process ends without it; what it did not finish is done again."""

log = logging.getLogger(__name__)


@dataclass
class Stream:
    """A job that stays, as it is now. `error`: why it failed last, empty where it never did."""

    job: Job
    state: Literal["not started", "starting", "running", "waiting", "stopped"] = "not started"
    restarts: int = 0
    error: str = ""


def supervise(
    lake: Lake, streams: Sequence[Stream], options: Options, stop: threading.Event, report: Callable[[], None]
) -> None:
    """Runs the streams until `stop` is set, then ends each; calls `report` about every second.

    Raises OperatorError where the JVM is gone.
    """
    threads = []
    for stream in streams:
        name, arguments = stream.job.name, (lake, stream, options, stop)
        threads.append(threading.Thread(target=_keep_running, args=arguments, name=name, daemon=True))
        threads[-1].start()
        until = time.monotonic() + BEGIN_SECONDS
        while stream.state in ("not started", "starting") and time.monotonic() < until and not stop.wait(0.2):
            _look(lake, streams)
            report()
    while not stop.wait(1.0):
        _look(lake, streams)
        report()
    log.info("streams: ending, each behind its micro-batch")
    told = time.monotonic()
    while any(thread.is_alive() for thread in threads) and time.monotonic() - told < END_SECONDS:
        for query in lake.spark.streams.active:
            if time.monotonic() - told > LAST_BATCH_SECONDS or not query.status["isTriggerActive"]:
                query.stop()
        time.sleep(0.2)


def _keep_running(lake: Lake, stream: Stream, options: Options, stop: threading.Event) -> None:
    pause = FIRST_PAUSE
    while not stop.is_set():
        began, stream.state = time.monotonic(), "starting"
        try:
            stream.job.run(lake.settings, options)
            seen = "it ended by itself"
        except Exception as error:  # whatever it is: the others go on, and this one is tried again
            seen = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if stop.is_set():
            break
        stream.error = seen
        pause = FIRST_PAUSE if time.monotonic() - began > CALM_SECONDS else pause
        stream.state, stream.restarts = "waiting", stream.restarts + 1
        log.warning("%s: %s; it is started again in %.0f s", stream.job.name, stream.error, pause)
        stop.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    stream.state = "stopped"


def _look(lake: Lake, streams: Sequence[Stream]) -> None:
    """Notes which have begun. A query has its job's name."""
    try:
        active = {str(query.name) for query in lake.spark.streams.active}
    except (Py4JError, OSError):
        raise OperatorError("Spark's JVM is gone, and the streams with it; nothing is lost, start them again") from None
    for stream in streams:
        if stream.state == "starting" and stream.job.name in active:
            stream.state = "running"

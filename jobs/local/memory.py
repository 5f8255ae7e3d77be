"""Peak memory of everything the project runs: this process, its children (the JVM, Python workers), the services."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from jobs.local import services
from jobs.settings.loading import Settings

EVERY_SECONDS = 0.5


@dataclass
class Peak:
    """Largest sum of resident memory seen, in MiB. Pages that processes share are counted once for each."""

    mib: int = 0


@contextlib.contextmanager
def watched(settings: Settings) -> Iterator[Peak]:
    """Samples twice a second while the block runs."""
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        pids = [service.pid for service in services.status(settings) if service.pid]
        while True:
            peak.mib = max(peak.mib, _resident(pids) >> 20)
            if over.wait(EVERY_SECONDS):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def _resident(pids: list[int]) -> int:
    own = psutil.Process()
    processes = [own, *[child for child in own.children(recursive=True) if not _is_starting(child)]]
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            processes.append(psutil.Process(pid))
    total = 0
    for process in {process.pid: process for process in processes}.values():
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _is_starting(process: psutil.Process) -> bool:
    """Whether a JVM has forked it and it has yet to become what it shall be: until then it is the JVM's own memory.

    By its command, not by its name: that is the name of the JVM's thread that forked it.
    """
    with contextlib.suppress(psutil.Error):
        parent, command = process.parent(), process.cmdline()
        return parent is not None and command == parent.cmdline() and Path(*command[:1]).name == "java"
    return False

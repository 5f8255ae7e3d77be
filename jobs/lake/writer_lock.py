"""One writer per table: a job that writes is refused while another process runs it.

The lock is the operating system's, on a file of the lake, so it goes with the process that holds it, however that
ends. Of a lake that is no folder of this machine there is no such lock: there a stream is still refused by Spark's
checkpoint, and a batch job by Delta's commit.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from jobs.errors import OperatorError
from jobs.lake import places


def is_held(root: str, job: str) -> bool:
    """Whether a process runs `job` on the lake at `root`, a folder of this machine."""
    file = Path(places.lock(root, job))
    if not file.is_file():
        return False
    with file.open("r", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def writer_lock(root: str, job: str) -> Iterator[None]:
    """Holds the right to run `job` on the lake at `root`. Raises OperatorError, naming who holds it, when another
    process does."""
    if places.folder(root) is None:
        yield
        return
    file = Path(places.lock(str(places.folder(root)), job))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise OperatorError(
                f"{job} is running already ({lock.read().strip() or 'just started'}); a table has one writer: "
                "wait until it ends, or stop it"
            ) from None
        lock.truncate(0)
        lock.write(f"pid {os.getpid()} since {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n")
        lock.flush()
        yield

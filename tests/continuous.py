"""A job with --continuous in a thread of the test that watches it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from jobs.job import Options
from jobs.lake.lake import Lake
from tests.other_lake import changed

SECONDS = 120
"""How long a test waits for what it expects of the stream, and for the stream's end."""
OPTIONS = Options(datetime(2018, 1, 1, tzinfo=UTC), continuous=True)


@contextmanager
def running(lake: Lake, name: str, main: Callable[[Lake, Options], object]) -> Iterator[threading.Thread]:
    """The stream `name` runs, one micro-batch after the other without a pause, and has ended afterwards, whatever came
    of it and however far it was with its start."""
    often = changed(lake, streaming={"trigger_seconds": 0})
    thread = threading.Thread(target=main, args=(often, OPTIONS))
    thread.start()
    try:
        yield thread
    finally:
        for _ in range(SECONDS * 5):
            for query in lake.spark.streams.active:
                if query.name == name:
                    query.stop()
            thread.join(0.2)
            if not thread.is_alive():
                break
        assert not thread.is_alive(), f"{name} does not end"


def wait_for(expected: object, look: Callable[[], object], thread: threading.Thread) -> None:
    """Until `look` sees what is expected, the stream has died or the time is over."""
    seen = look()
    for _ in range(SECONDS * 5):
        if seen == expected or not thread.is_alive():
            break
        thread.join(0.2)
        seen = look()
    assert seen == expected

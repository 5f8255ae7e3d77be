"""`python -m tests.bench.cold_ingest ours|by_hand FOLDER`: one way lands the topic in a JVM that has run nothing yet.

Prints the seconds, the start of the JVM not among them.
"""

import os
import subprocess
import sys
from collections.abc import Callable

from jobs import job
from jobs.bronze import events as bronze_events
from jobs.lake.lake import Lake
from jobs.lake.session import open_lake
from jobs.settings.loading import load
from jobs.silver import events as silver_events
from tests.bench.by_hand import ByHand
from tests.bench.clock import seconds


def ours(lake: Lake) -> tuple[Callable[[], object], Callable[[], object]]:
    """Landing, its two jobs in order."""
    options = job.Options(job.moment("2018-01-01"))
    return (lambda: bronze_events.main(lake, options)), (lambda: silver_events.main(lake, options))


def cold_seconds(lake: Lake, way: str, folder: str) -> float:
    """What this module's command says, of the lake's topic."""
    settings = {"LAKEHOUSE_KAFKA__TOPIC": lake.settings.kafka.topic, "LAKEHOUSE_LAKE__ROOT": f"{folder}/lake"}
    words = [sys.executable, "-m", "tests.bench.cold_ingest", way, folder]
    done = subprocess.run(words, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split()[-1])


def main(way: str, folder: str) -> None:
    lake = open_lake("cold", load("local"))
    by_hand = ByHand(lake, folder)
    steps = {"ours": ours(lake), "by_hand": (by_hand.bronze, by_hand.silver)}
    print(sum(seconds(step) for step in steps[way]))


if __name__ == "__main__":
    main(*sys.argv[1:])

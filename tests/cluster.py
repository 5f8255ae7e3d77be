"""A standalone Spark cluster of local processes: a master, and workers whose executors can be killed."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.conftest import SHORT_LIVED_JVM, free_port
from tests.processes import answers

SPARK_CLASS = Path(sys.executable).parent / "spark-class"
DEPLOY = "org.apache.spark.deploy"
EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
START_SECONDS = 90


@contextmanager
def standalone(folder: Path, workers: int = 1) -> Iterator[str]:
    """The master's URL. Each worker has one core and 1 GiB; its Python finds none of our packages by itself."""
    url, log = f"spark://127.0.0.1:{free_port()}", folder / "cluster.log"
    address = ["--host", "127.0.0.1", "--port", url.rpartition(":")[2], "--webui-port", str(free_port())]
    worker = ["--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", str(folder), url]
    commands = [[f"{DEPLOY}.master.Master", *address], *[[f"{DEPLOY}.worker.Worker", *worker]] * workers]
    environment = {**os.environ, **SHORT_LIVED_JVM, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOG_DIR": str(folder)}
    with log.open("w") as out:
        started = [
            subprocess.Popen([SPARK_CLASS, *words], env=environment, cwd=folder, stdout=out, stderr=out)
            for words in commands
        ]
        try:
            until = time.monotonic() + START_SECONDS
            while log.read_text().count("Registering worker") < workers:
                if time.monotonic() > until:
                    raise RuntimeError(f"the workers did not come: {log.read_text()[-2000:]}")
                time.sleep(0.2)
            yield url
        finally:
            for process in started:
                family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
                answers(family, psutil.Process.kill)
                process.wait()


def executors(url: str) -> list[psutil.Process]:
    """The executors that work for drivers of the master of that URL, on this machine."""
    masters = {
        str(process.pid) for process in psutil.process_iter(["cmdline"]) if url in (process.info["cmdline"] or [])
    }
    executing = [one for one in psutil.process_iter(["cmdline"]) if EXECUTOR in (one.info["cmdline"] or [])]
    return [
        process
        for process, parents in answers(executing, psutil.Process.parents)
        if masters & {str(parent.pid) for parent in parents}
    ]

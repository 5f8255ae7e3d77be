"""The same files by spark-submit with the zip on a standalone cluster with one worker.

publish.recommendations runs Python of ours on executors. The submitted processes start in an empty folder and find
the zip first on their path. On local[2], Airflow submits it and eleven others: tests/dags/test_runs.py.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.local import app_zip
from jobs.redis_store.client import connect
from jobs.redis_store.keys import Keys
from tests.cluster import standalone
from tests.conftest import SHORT_LIVED_JVM, SmallLake

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return app_zip.build(ROOT, tmp_path_factory.mktemp("dist") / "app.zip")


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A standalone master and one worker; the executors' Python finds none of our packages by itself."""
    with standalone(tmp_path_factory.mktemp("cluster")) as url:
        yield url


def submit(
    master: str, zipped: Path, job: str, lake: SmallLake, folder: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {
        **lake.environment,
        **SHORT_LIVED_JVM,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    return subprocess.run(
        [
            BIN / "spark-submit",
            "--master",
            master,
            "--driver-memory",
            "1g",
            "--conf",
            "spark.executor.memory=768m",
            "--conf",
            "spark.ui.enabled=false",
            "--py-files",
            zipped,
            ROOT / "jobs" / job,
            "--as-of",
            "2018-01-01T04:02",
            *words,
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.cluster
def test_a_cluster_publishes(small_lake: SmallLake, zipped: Path, tmp_path: Path, master: str) -> None:
    client = connect(small_lake.settings.redis)
    version = client.get(Keys("rec").current)
    person = next(iter(client.scan_iter(f"{{rec}}:{version}:person:*")))
    client.delete(person)
    result = submit(master, zipped, "publish/recommendations.py", small_lake, tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    assert client.get(Keys("rec").current) == version
    assert client.exists(person)


def test_a_submitted_job_says_what_is_missing(small_lake: SmallLake, zipped: Path, tmp_path: Path) -> None:
    lake = SmallLake(
        small_lake.lake,
        {},
        {**small_lake.environment, "LAKEHOUSE_LAKE__ROOT": str(tmp_path / "none")},
        small_lake.as_of,
    )
    result = submit("local[1]", zipped, "gold/ratings.py", lake, tmp_path)
    assert result.returncode == 1
    line = "error: table silver.interactions is not built yet; build it with: lakehouse run silver.interactions"
    output = result.stdout + result.stderr  # spark-submit hands on what Python says to stderr by its own stdout
    assert line in output.splitlines()
    assert "Traceback" not in output

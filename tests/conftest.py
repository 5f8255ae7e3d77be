"""One broker, one Redis, one Spark for the whole suite, all real, on free ports and in a temporary folder."""

import functools
import itertools
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pyspark.sql import SparkSession
from xdist.scheduler import LoadScopeScheduling

from jobs.lake import java_options, tables
from jobs.lake.lake import Lake
from jobs.lake.session import open_lake
from jobs.privacy import keys
from jobs.settings.loading import Settings, load
from tests.other_lake import opened_by_name, rooted

SMALL_LAKE = "small_lake"
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# A thousand for each of eight processes that share the tests, from another one on in each process that draws from them.
PORTS = itertools.cycle(24_000 + 1_000 * (WORKER % 8) + (os.getpid() * 7 + each) % 1_000 for each in range(1_000))

# For jobs that are submitted and live for seconds.
SHORT_LIVED_JVM = {"SPARK_SUBMIT_OPTS": java_options.submitted_driver(Path(__file__).parents[1])}


# A test has few rows: a quarter of the processor's time went into the Java text of each task's projections, which had
# been compiled before. They are interpreted here; whole stages are compiled as ever. What a job runs in a process of
# its own, `make test-long`, `make chaos` and `make bench` do as users do.
INTERPRETED = ("spark.sql.codegen.factoryMode", "NO_CODEGEN")

# Where a process has no main file, as those that pytest-xdist starts, pyspark.sql.connect takes it for a run of its own
# doctests, for which it lacks grpc, and ends it.
vars(sys.modules["__main__"]).setdefault("__file__", __file__)

# `make test` draws the same every time and on every machine; --hypothesis-profile default draws freely and prints what
# failed. No limit of time: a machine may be busy.
hypothesis.settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("fixed")


class WholeFiles(LoadScopeScheduling):
    """Shares the tests among processes by files. Those that read the small lake, which takes two minutes to build, go
    to one of them.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return SMALL_LAKE if reads_small_lake(Path(self.config.rootpath, file)) else file


@functools.cache
def reads_small_lake(file: Path) -> bool:
    """Whether its text, or its room's conftest.py, names the fixture."""
    places = {file, *file.parent.glob("conftest.py")} - {Path(__file__)}
    return any(SMALL_LAKE in one.read_text(encoding="utf-8") for one in places)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WholeFiles:
    return WholeFiles(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The small lake's tests begin, so that what they start goes on beside the rest; then files with slow tests, so
    that no process has a long one left when the other has ended."""
    small = {file for file in {item.path for item in items} if reads_small_lake(file)}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: 0 if item.path in small else 1 if item.path in slow else 2)


@dataclass(frozen=True)
class SmallLake:
    """The demo of 50 households, run whole: its settings, its report, and the variables that lead jobs to it."""

    lake: Lake
    report: dict[str, Any]
    environment: dict[str, str]
    as_of: datetime
    read: dict[str, set[str]] = field(default_factory=dict)
    """The tables that each job read or streamed from, by the job's name."""

    @property
    def settings(self) -> Settings:
        return self.lake.settings


def free_port() -> int:
    """A port that nobody listens on, none twice.

    What shall listen there may start minutes later: it is none of those that the system gives to clients (from 32,768
    on), and each of the processes that share the tests draws from its own.
    """
    while True:
        port = next(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def settings_under(environment: dict[str, str]) -> Settings:
    """The local settings as a process with these LAKEHOUSE_* variables sees them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return load("local")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """LAKEHOUSE_* variables of a whole installation of its own."""
    broker, controller, redis = free_port(), free_port(), free_port()
    return {
        "LAKEHOUSE_HOME": str(tmp_path_factory.mktemp("home")),
        "LAKEHOUSE_LOCAL__BROKER_PORT": str(broker),
        "LAKEHOUSE_LOCAL__CONTROLLER_PORT": str(controller),
        "LAKEHOUSE_LOCAL__REDIS_PORT": str(redis),
        # Fifty households: the whole way in little time, not a good model.
        "LAKEHOUSE_ALS__RANK": "8",
        "LAKEHOUSE_ALS__ITERATIONS": "3",
        "LAKEHOUSE_ALS__MIN_PEOPLE": "3",
        # Nothing so small beats popularity by ranking; what it does beat it by lets the champion's way be tested.
        "LAKEHOUSE_EVALUATION__METRIC": "new.coverage",
        "LAKEHOUSE_PERSONAS__K_MAX": "4",
        "LAKEHOUSE_PERSONAS__ALGORITHMS": "kmeans",
    }


@pytest.fixture(scope="session")
def settings(environment: dict[str, str]) -> Settings:
    """Settings of that installation, with its secrets; nothing is started yet."""
    settings = settings_under(environment)
    keys.keep(settings.privacy)
    return settings


@pytest.fixture(scope="session")
def spark(settings: Settings, pytestconfig: pytest.Config) -> Iterator[SparkSession]:
    with pytest.MonkeyPatch.context() as patch:
        # Two processes have a core each, and share none with the second compiler: 191 tests took 531 s without it, and
        # 688 with it. One process alone has a core for it, and took a fifth longer without.
        if "PYTEST_XDIST_WORKER" in os.environ:
            patch.setenv("SPARK_SUBMIT_OPTS", java_options.FIRST_COMPILER)
        session = open_lake("tests", settings).spark
    if "not long" in pytestconfig.option.markexpr:
        session.conf.set(*INTERPRETED)
    yield session
    session.stop()


@pytest.fixture
def generated_code(spark: SparkSession) -> Iterator[None]:
    """For the time of a test all code is generated, as Spark does by itself."""
    name = INTERPRETED[0]
    former = str(spark.conf.get(name))
    spark.conf.set(name, "FALLBACK")
    yield
    spark.conf.set(name, former)


@pytest.fixture(scope="session")
def local_services(settings: Settings) -> Iterator[Settings]:
    """The settings, with their broker and Redis running and the topic made."""
    from jobs.local import services

    services.up(settings)
    services.ensure_topic(settings)
    yield settings
    services.down(settings)


@pytest.fixture(scope="session")
def small_lake(local_services: Settings, spark: SparkSession, environment: dict[str, str]) -> SmallLake:
    from jobs.local import demo

    with tables_read_by_jobs() as read:
        report = demo.run(local_services, households=50)
    return SmallLake(Lake(spark, local_services), report, environment, demo.AS_OF, read)


@contextmanager
def tables_read_by_jobs() -> Iterator[dict[str, set[str]]]:
    """Notes which tables each job reads or streams from while the block lasts: by the Lake value that the job was
    given, for jobs run beside one another, and what they do with a micro-batch in threads of Spark's."""
    read: dict[str, set[str]] = {}
    opened: list[tuple[str, Lake]] = []

    def noted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(lake: Lake, name: str, *rest: Any, **options: Any) -> Any:
            for job, its in opened:
                if its is lake:
                    read.setdefault(job, set()).add(name)
            return original(lake, name, *rest, **options)

        return call

    def opening(name: str, settings: Settings) -> Lake:
        opened.append((name, open_lake(name, settings)))
        return opened[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "read", noted(tables.read))
        patch.setattr(tables, "stream", noted(tables.stream))
        patch.setattr("jobs.job.open_lake", opening)
        yield read


@pytest.fixture
def lake(spark: SparkSession, settings: Settings, tmp_path: Path) -> Lake:
    """An empty lake. By name the session has another one open: closing and opening all tables takes a second."""
    return rooted(Lake(spark, settings), tmp_path / "lake")


@pytest.fixture
def lake_in_session(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The empty lake is the one that commands open here, and the session its tables by name; afterwards the former."""
    monkeypatch.setenv("LAKEHOUSE_LAKE__ROOT", lake.root)
    with opened_by_name(lake):
        yield

"""One broker, one Redis, one Spark for the whole suite, all real, on free ports and in a temporary folder."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from expectations.schemas import TABLES
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.privacy import keys
from jobs.settings.loading import Settings, load
from tests.elsewhere import looking_at

# For jobs that are submitted and live for seconds: the second compiler would only take a core from the first. The
# session of the tests lives for minutes, and took a fifth longer without it. With the second compiler goes four fifths
# of the room for compiled code, which is then too little for a fit of ALS.
SHORT_LIVED_JVM = {"SPARK_SUBMIT_OPTS": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"}


@dataclass(frozen=True)
class SmallLake:
    """The demo of 50 households, run whole: its settings, its report, and the variables that lead jobs to it."""

    settings: Settings
    report: dict[str, Any]
    environment: dict[str, str]
    as_of: datetime


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        "LAKEHOUSE_PERSONAS__MIN_SHARE": "0.02",
    }


@pytest.fixture(scope="session")
def settings(environment: dict[str, str]) -> Settings:
    """Settings of that installation, with its secrets; nothing is started yet."""
    made = settings_under(environment)
    keys.keep(made.privacy)
    return made


@pytest.fixture(scope="session")
def spark(settings: Settings) -> Iterator[SparkSession]:
    session = spark_for("tests", settings)
    yield session
    session.stop()


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

    report = demo.run(local_services, households=50)
    return SmallLake(local_services, report, environment, demo.AS_OF)


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Iterator[SparkSession]:
    """The session, looking at an empty lake of its own; afterwards at the former one again."""
    _forget(spark)
    with looking_at(spark, tmp_path / "lake"):
        tables.register(spark)
        yield spark
        _forget(spark)
    tables.register(spark)


def _forget(spark: SparkSession) -> None:
    for name in TABLES:
        spark.sql(f"DROP TABLE IF EXISTS {name}")

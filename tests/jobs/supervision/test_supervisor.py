"""The supervisor with streams that begin, fail and end as they are told, and no Spark."""

import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from py4j.protocol import Py4JNetworkError

from jobs.errors import OperatorError
from jobs.job import Options
from jobs.supervision import health, supervisor
from jobs.supervision.supervisor import Stream

OPTIONS = Options(datetime(2026, 1, 1, tzinfo=UTC), continuous=True)


@dataclass
class Session:
    """What the supervisor sees of Spark: the queries that run."""

    queries: dict[str, threading.Event] = field(default_factory=dict)
    is_gone: bool = False

    @property
    def active(self) -> list[Any]:
        if self.is_gone:
            raise Py4JNetworkError("connection refused")
        status = {"isTriggerActive": False}
        return [SimpleNamespace(name=name, stop=ended.set, status=status) for name, ended in self.queries.items()]


@dataclass
class Told:
    """A job that runs until it is stopped, but first fails so often."""

    name: str
    session: Session
    failures: int = 0
    begun: list[float] = field(default_factory=list)

    def run(self, settings: Any, options: Options) -> None:
        self.begun.append(time.monotonic())
        if len(self.begun) <= self.failures:
            raise OperatorError(f"{self.name} cannot\nbecause of a second line")
        ended = self.session.queries[self.name] = threading.Event()
        ended.wait()
        del self.session.queries[self.name]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.3)
    monkeypatch.setattr(supervisor, "BEGIN_SECONDS", 0.5)


def supervised(session: Session, jobs: list[Told], until: Callable[[list[Stream]], bool]) -> list[Stream]:
    streams, stop = [Stream(job) for job in jobs], threading.Event()  # type: ignore[arg-type]
    lake: Any = SimpleNamespace(settings=None, spark=SimpleNamespace(streams=session))
    end = time.monotonic() + 30

    def report() -> None:
        assert time.monotonic() < end, streams
        if until(streams):
            stop.set()

    supervisor.supervise(lake, streams, OPTIONS, stop, report)
    return streams


def all_run(streams: list[Stream]) -> bool:
    return all(one.state == "running" for one in streams)


@pytest.mark.usefixtures("quick")
def test_they_begin_in_order_and_end_when_they_are_told() -> None:
    session = Session()
    jobs = [Told(name, session) for name in ("bronze.events", "silver.events", "live.consents")]
    streams = supervised(session, jobs, all_run)
    begun = [job.begun[0] for job in jobs]
    assert begun == sorted(begun) and [len(job.begun) for job in jobs] == [1, 1, 1]
    assert {(one.state, one.restarts) for one in streams} == {("stopped", 0)} and session.queries == {}


@pytest.mark.usefixtures("quick")
def test_one_that_fails_is_started_again_and_hinders_no_other(caplog: pytest.LogCaptureFixture) -> None:
    session = Session()
    bad, good = Told("bronze.events", session, failures=4), Told("silver.events", session)
    with caplog.at_level(logging.WARNING):
        streams = supervised(session, [bad, good], all_run)
    assert len(good.begun) == 1 and streams[0].restarts == 4 and streams[0].error == "bronze.events cannot"
    pauses = [later - earlier for earlier, later in zip(bad.begun, bad.begun[1:], strict=False)]
    assert all(pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.3, 0.3), strict=True)), pauses
    assert [record.getMessage() for record in caplog.records] == [
        f"bronze.events: bronze.events cannot; it is started again in {pause} s" for pause in ("0", "0", "0", "0")
    ]


@pytest.mark.usefixtures("quick")
def test_without_a_jvm_it_ends_and_says_so() -> None:
    session = Session()

    def then_gone(streams: list[Stream]) -> bool:
        session.is_gone = all_run(streams)
        return False

    with pytest.raises(OperatorError, match=r"Spark's JVM is gone.*nothing is lost"):
        supervised(session, [Told("bronze.events", session)], then_gone)


def test_health_answers_by_what_runs_and_says_when_its_port_is_taken() -> None:
    answer = {"healthy": True, "streams": [{"stream": "bronze.events", "at": datetime(2026, 1, 1, tzinfo=UTC)}]}
    with health.served("127.0.0.1", 0, lambda: answer) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as response:
            assert json.load(response)["streams"] == [{"stream": "bronze.events", "at": "2026-01-01 00:00:00+00:00"}]
        answer["healthy"] = False
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health")
        taken = health.served("127.0.0.1", port, lambda: answer)
        with pytest.raises(OperatorError, match=f"port {port} for the streams' health"), taken:
            pass

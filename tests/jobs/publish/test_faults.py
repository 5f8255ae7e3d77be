"""A Redis that fails in the middle of a publish: pages read on what they read, and the operator gets one line."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs import job
from jobs.errors import OperatorError
from jobs.publish import recommendations as publish
from jobs.redis_store.client import connect
from tests.conftest import SHORT_LIVED_JVM, SmallLake
from tests.other_lake import changed
from tests.redis_server import RedisServer, redis_server

BIN = Path(sys.executable).parent
NOT_CURRENT = "was not made current, pages read on what they read before"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        server.admin.set("{rec}:current", "before")
        yield server


def fill(server: RedisServer) -> None:
    """Leaves room for some of the lists."""
    used: Any = server.admin.info("memory")["used_memory"]
    server.admin.config_set("maxmemory", used + 50_000)


def told(small_lake: SmallLake, server: RedisServer, login: str = "") -> str:
    """The line that a publish ends with."""
    theirs = changed(small_lake.lake, redis={"url": server.settings(login).url})
    with pytest.raises(OperatorError) as raised:
        publish.main(theirs, job.Options(small_lake.as_of))
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_memory_that_ends_in_the_middle_leaves_the_current_version(small_lake: SmallLake, server: RedisServer) -> None:
    fill(server)
    line = told(small_lake, server)
    assert "has no memory left" in line and NOT_CURRENT in line
    client = connect(server.settings())
    assert client.get("{rec}:current") == "before" and not client.exists("{rec}:previous")


def test_a_user_who_may_only_read_publishes_nothing(small_lake: SmallLake, server: RedisServer) -> None:
    server.admin.execute_command("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@read", "+@connection")
    line = told(small_lake, server, "reader:secret@")
    assert "does not let this user do that" in line and NOT_CURRENT in line


def before(name: str, happens: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets something happen just before the publish calls its function of that name."""
    original = getattr(publish, name)

    def call(*values: Any) -> Any:
        happens()
        return original(*values)

    monkeypatch.setattr(publish, name, call)


@pytest.mark.parametrize("step", ["write", "write_items", "verify", "write_manifest"])
def test_a_redis_that_goes_away_is_one_line_at_every_step(
    small_lake: SmallLake, server: RedisServer, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before(step, server.kill, monkeypatch)
    line = told(small_lake, server)
    assert line.startswith(f"no Redis answers at 127.0.0.1:{server.port}") and NOT_CURRENT in line


def test_it_says_what_is_true_where_the_flip_fails(
    small_lake: SmallLake, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection lost in the flip leaves it open whether it was done."""
    before("flip", lambda: server.admin.replicaof("127.0.0.1", "1"), monkeypatch)
    line = told(small_lake, server)
    assert "is a replica" in line and "may or may not" in line and NOT_CURRENT not in line
    assert connect(server.settings()).get("{rec}:current") == "before"


def test_the_command_prints_the_line_alone(small_lake: SmallLake, server: RedisServer) -> None:
    """Spark prints nothing of it either."""
    fill(server)
    environment = {**os.environ, **SHORT_LIVED_JVM, **small_lake.environment}
    environment["LAKEHOUSE_REDIS__URL"] = server.settings().url
    words = ["run", "publish.recommendations", "--as-of", small_lake.as_of.isoformat()]
    result = subprocess.run(
        [BIN / "lakehouse", *words], env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith(f"error: Redis at 127.0.0.1:{server.port} has no memory left")
    assert not [sign for sign in ("Traceback", "Exception", "ERROR") if sign in result.stderr], result.stderr

"""A real Redis for tests of hooks."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.jobs.hooks.changes import VARIABLE, secret_text
from tests.redis_server import RedisServer, redis_server


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def client(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Redis:
    monkeypatch.setenv(VARIABLE, secret_text())
    server.admin.flushall()
    return server.admin

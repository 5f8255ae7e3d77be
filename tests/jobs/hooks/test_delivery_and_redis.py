"""Changes told from a real Redis that loses some of them, is emptied, goes away, or is read by two processes."""

import threading
import time

import pytest
from redis import Redis

from jobs.hooks.replay import replay
from jobs.hooks.telling import telling
from jobs.redis_store import hooks as store
from jobs.redis_store.faults import RIGHTS
from tests.conftest import free_port
from tests.jobs.hooks.changes import (
    KEYS,
    VARIABLE,
    has_state,
    letters,
    secret_text,
    settings_with,
    standing,
    told_to,
    until,
    webhook,
    write,
    written,
)
from tests.jobs.hooks.receiver import PATH, always, receiving
from tests.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.services


def test_what_the_stream_lost_is_counted(server: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture) -> None:
    """Of what was handed to a process and not settled, and of what nobody was handed."""
    port = free_port()
    settings = settings_with(server.settings(), {"mailer": webhook(f"http://127.0.0.1:{port}{PATH}")})
    with telling(settings, has_state):
        for number in range(300):
            write(client, f"p{number}", enter=["s"])
        until(lambda: standing(client).failing_since, "nobody is missed")
    for number in range(300, 1500):
        write(client, f"p{number}", enter=["s"])
    client.xtrim(KEYS.segment_changes, maxlen=200, approximate=False)  # as the 100,000th change would
    kept = len(written(client))
    assert kept == 200 and standing(client).waiting >= 1400
    with receiving(always(200), port) as receiver, telling(settings, has_state):
        until(lambda: standing(client).waiting == 0, "not told")
    assert len(receiver.ids) == kept and standing(client).told == kept
    assert standing(client).lost == 1500 - kept
    assert "changes were cut off before they could be told" in caplog.text


def test_one_process_at_a_time_tells_a_target(server: RedisServer, client: Redis) -> None:
    """More changes than one of them takes in hand."""
    with receiving(lambda data, times: time.sleep(0.002) or 200) as receiver:  # type: ignore[func-returns-value]
        settings = told_to(server, receiver)
        with telling(settings, has_state):
            pass  # from now on it is told
        for step in range(120):
            for person in range(5):
                write(client, f"p{person}", enter=[f"s{step}"])
        with telling(settings, has_state), telling(settings, has_state):
            until(lambda: standing(client).waiting == 0, "not told")
    assert [id_ for id_, _ in receiver.taken] == receiver.ids and len(receiver.ids) == 600
    order = [*written(client)]
    for person in range(5):
        ids = [id_ for id_, data in receiver.taken if data["person"] == f"p{person}"]
        assert ids == sorted(ids, key=order.index)


def test_a_redis_that_was_emptied_is_joined_again_when_its_state_is_there(
    server: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Those who are in a segment again when the state is begun anew are told of to nobody."""
    begun = threading.Event()
    begun.set()
    with receiving(always(200)) as receiver, telling(told_to(server, receiver), begun.is_set):
        write(client, "p", enter=["s"])
        until(lambda: len(receiver.ids) == 1, "not told")
        begun.clear()
        client.flushall()
        until(lambda: "it was emptied" in caplog.text, "not noticed")
        write(client, "p", enter=["s"])
        begun.set()
        until(lambda: store.standing(client, KEYS, "mailer"), "not joined again")
        write(client, "p", enter=["t"])
        until(lambda: len(receiver.ids) == 2, "not told")
    assert [data["segment"] for _, data in receiver.taken] == ["s", "t"]


def test_the_rights_that_the_jobs_ask_for_suffice(server: RedisServer, client: Redis) -> None:
    client.execute_command("ACL", "SETUSER", "job", "on", ">geheim", "~{rec}:*", *RIGHTS.split())
    url = server.settings("job:geheim@").url
    with receiving(lambda data, times: 422 if data["person"] == "q" else 200) as receiver:
        settings = settings_with(server.settings("job:geheim@"), {"mailer": webhook(receiver.url)})
        with telling(settings, has_state):
            for person in ("p", "q"):
                write(client, person, enter=["s"])
            until(lambda: standing(client).waiting == 0, "not told")
        as_job = Redis.from_url(url, decode_responses=True)
        assert standing(as_job).told == 1 and len(letters(as_job)) == 1
        receiver.plan = always(200)
        assert [*replay(settings, "mailer")] == ["told"]


def test_a_redis_that_is_away_for_a_moment_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, secret_text())
    keeps = ("--appendonly", "yes", "--appendfsync", "always")
    with redis_server() as own, receiving(always(200)) as receiver:
        own.kill()
        own.start(*keeps)
        with telling(told_to(own, receiver), has_state):
            write(own.admin, "p", enter=["s"])
            until(lambda: len(receiver.ids) == 1, "not told")
            own.kill()
            until(lambda: "goes on when that is over" in caplog.text, "not noticed")
            own.start(*keeps)
            write(own.admin, "p", leave=["s"])
            until(lambda: len(receiver.ids) == 2, "not told")
        assert receiver.ids == [*written(own.admin)] and standing(own.admin).lost == 0

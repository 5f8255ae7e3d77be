"""Changes told to a real HTTP server that fails at times: whatever it answers, each is told or a dead letter."""

import itertools
import logging
import random
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis

from jobs.hooks.telling import telling
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
from tests.jobs.hooks.receiver import NOTHING, PATH, RESET, always, drawn_plan, receiving
from tests.redis_server import RedisServer

pytestmark = pytest.mark.services


LONG = {"first_pause_seconds": 600.0, "longest_pause_seconds": 600.0}
"""No test waits for the second try."""


def pending(client: Redis) -> Any:
    return client.xpending_range(KEYS.segment_changes, "hooks:mailer", "-", "+", 10_000)


def drawn_changes(client: Redis, draw: random.Random, people: int, each: int) -> None:
    """Everybody enters segments one after the other and leaves some of them; no two changes of a person are alike."""
    steps = [(f"p{person}", step) for step in range(each) for person in range(people)]
    for person, step in steps:
        entered: Any = [*client.hkeys(KEYS.segments(person))]
        if entered and draw.random() < 0.4:
            write(client, person, leave=[draw.choice(sorted(entered))])
        else:
            write(client, person, enter=[f"s{step}"])


@pytest.mark.parametrize("seed", [0, 1, *[pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12)]])
def test_whatever_it_answers_each_change_is_told_in_order_or_a_dead_letter(
    server: RedisServer, client: Redis, seed: int
) -> None:
    with receiving(drawn_plan(seed)) as receiver:
        settings = told_to(server, receiver)
        with telling(settings, has_state):
            drawn_changes(client, random.Random(seed), people=24, each=8)
            drawn, others = {*written(client)}, itertools.count()

            def all_are_settled() -> bool:
                """Meanwhile somebody else is told of now and then, or it could not be seen who is at fault."""
                write(client, f"other{next(others)}", enter=["s"])
                time.sleep(0.1)
                all_are_read = any(data["person"].startswith("other") for _, data in receiver.taken)
                return all_are_read and all(one["message_id"] not in drawn for one in pending(client))

            until(all_are_settled, "not settled")
            until(lambda: standing(client).waiting == 0, "not told")
        changes, dead, at = written(client), letters(client), standing(client)
        taken = receiver.ids
    assert not receiver.wrong
    assert not {*taken} & {*dead} and {*taken} | {*dead} <= {*changes}
    overtaken = changes.keys() - {*taken} - {*dead}
    assert all(changes[id_][2] == "enter" and _left_later(changes, id_) for id_ in overtaken)
    assert (at.told, at.dead, at.overtaken, at.lost) == (len(taken), len(dead), len(overtaken), 0)
    refused, never = f"p{seed % 12}", f"p{(seed + 5) % 12}"
    assert {changes[id_][0] for id_ in dead} >= {refused, never}
    assert all("HTTP" in dead[id_] for id_ in dead if changes[id_][0] == refused)
    assert all("4 tries, while others were taken" in dead[id_] for id_ in dead if changes[id_][0] == never)
    in_order = defaultdict(list)
    for id_ in taken:
        in_order[changes[id_][0]].append(id_)
    order = [*changes]
    assert all(ids == sorted(ids, key=order.index) for ids in in_order.values())
    assert max(receiver.seen.values()) > 2 and receiver.most_at_once > 1
    assert all(
        (data["person"], data["segment"], data["type"]) == (*changes[id_][:2], f"segment.{changes[id_][2]}")
        for id_, data in receiver.taken
    )


def _left_later(changes: dict[str, tuple[str, str, str]], id_: str) -> bool:
    person, segment, _ = changes[id_]
    later = [*changes][[*changes].index(id_) :]
    return any(changes[one] == (person, segment, "leave") for one in later)


def test_who_is_away_is_waited_for_and_nothing_of_it_is_a_dead_letter(
    server: RedisServer, client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    settings = settings_with(server.settings(), {"mailer": webhook(f"http://127.0.0.1:{port}{PATH}")})
    with telling(settings, has_state):
        for number in range(60):
            write(client, f"p{number}", enter=["s"])
        until(lambda: standing(client).failing_since, "nobody is missed")
        assert standing(client).reason == "no connection" and standing(client).waiting == 60
        with receiving(always(200), port) as receiver:
            until(lambda: standing(client).waiting == 0, "not told")
            assert standing(client).failing_since is None
    assert len(receiver.ids) == 60 and standing(client).told == 60 and not letters(client)
    lines = [line for line in caplog.messages if "hook mailer" in line]
    assert lines == [
        "hook mailer: it is told what changes from now on",
        "hook mailer: 127.0.0.1 takes nothing (no connection); what is to be told waits",
        "hook mailer: 127.0.0.1 takes what it is told again",
    ]
    assert PATH not in caplog.text and secret_text() not in caplog.text


def test_who_is_away_for_too_long_leaves_dead_letters(server: RedisServer, client: Redis) -> None:
    url = f"http://127.0.0.1:{free_port()}{PATH}"
    settings = settings_with(server.settings(), {"mailer": webhook(url)}, give_up_hours=0.5 / 3600, **LONG)
    with telling(settings, has_state):
        for number in range(600):
            write(client, f"p{number}", enter=["s"])
        until(lambda: standing(client).waiting == 0, "not given up")
    assert len(letters(client)) == 600 and standing(client).dead == 600
    assert all("no connection" in reason and "hours" in reason for reason in letters(client).values())


def test_one_that_is_never_taken_does_not_keep_others_waiting(server: RedisServer, client: Redis) -> None:
    """Nobody else is told of for a while: then it is not the change that is at fault as far as can be seen."""
    with (
        receiving(lambda data, times: 500 if data["person"] == "poison" else 200) as receiver,
        telling(told_to(server, receiver), has_state),
    ):
        write(client, "poison", enter=["s"])
        until(lambda: max(receiver.seen.values(), default=0) >= 8, "not tried again")
        assert not letters(client)
        for number in range(20):
            write(client, f"p{number}", enter=["s"])
            until(lambda number=number: len(receiver.ids) > number, "kept waiting")  # type: ignore[misc]
        until(lambda: letters(client), "not given up")
    assert standing(client).told == 20 and standing(client).waiting == 0


def test_one_that_is_to_wait_long_keeps_nobody_else_waiting(server: RedisServer, client: Redis) -> None:
    with (
        receiving(lambda data, times: 500 if data["person"] == "poison" else 200) as receiver,
        telling(told_to(server, receiver, **LONG), has_state),
    ):
        write(client, "poison", enter=["s"])
        until(lambda: receiver.seen, "not tried")
        write(client, "p", enter=["s"])
        until(lambda: receiver.ids, "kept waiting")
    assert [data["person"] for _, data in receiver.taken] == ["p"]


def test_where_nothing_is_taken_no_try_counts(server: RedisServer, client: Redis) -> None:
    with (
        receiving(lambda data, times: 500 if times < 6 else 200) as receiver,
        telling(told_to(server, receiver, tries=1), has_state),
    ):
        write(client, "p", enter=["s"])
        until(lambda: standing(client).waiting == 0, "not told")
    assert standing(client).told == 1 and not letters(client)


def test_a_receiver_that_refuses_everything_is_asked_less_and_less(server: RedisServer, client: Redis) -> None:
    """A wrong secret, say: all of it could be replayed, but it need not be sent at full speed."""
    with receiving(always(401)) as receiver:
        settings = told_to(server, receiver, **LONG)
        with telling(settings, has_state):
            for number in range(300):
                write(client, f"p{number}", enter=["s"])
            until(lambda: standing(client).failing_since, "not noticed")
        assert len(letters(client)) == sum(receiver.seen.values()) < 100
        assert {*letters(client).values()} == {"HTTP 401"} and standing(client).waiting > 200


def test_an_enter_that_is_not_true_any_more_is_not_told_and_a_leave_is(server: RedisServer, client: Redis) -> None:
    with receiving(always(200)) as receiver:
        settings = told_to(server, receiver)
        with telling(settings, has_state):
            pass  # from now on it is told
        write(client, "p", enter=["cart"])
        write(client, "p", enter=["other"], leave=["cart"])
        with telling(settings, has_state):
            pass
    assert [(data["type"], data["segment"]) for _, data in receiver.taken] == [
        ("segment.leave", "cart"),
        ("segment.enter", "other"),
    ]
    assert standing(client).overtaken == 1 and standing(client).waiting == 0


def test_each_is_told_of_its_own_segments_and_waits_for_no_other(
    server: RedisServer, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = b"the other secret of 32 bytes: 32"
    monkeypatch.setenv("OTHER_SECRET", f"whsec_{secret_text(other)}")
    with receiving(always(NOTHING)) as mailer, receiving(always(200), secret=other) as cms:
        webhooks = {
            "mailer": webhook(mailer.url),
            "cms": webhook(cms.url, "a", "c", secrets=(VARIABLE, "OTHER_SECRET")),
        }
        with telling(settings_with(server.settings(), webhooks), has_state):
            for number in range(30):
                write(client, f"p{number}", enter=["a", "b", "c"])
            until(lambda: len(cms.ids) == 60, "waits for the mailer")
            assert standing(client).waiting == 90
    assert not cms.wrong and {data["segment"] for _, data in cms.taken} == {"a", "c"}
    assert standing(client, "cms").told == 60 and standing(client, "cms").waiting == 0


def test_it_comes_again_when_it_is_asked_to_and_such_a_try_does_not_count(server: RedisServer, client: Redis) -> None:
    with (
        receiving(lambda data, times: (429, "1") if data["person"] == "p0" and times < 2 else 200) as receiver,
        telling(told_to(server, receiver, tries=1), has_state),
    ):
        began = datetime.now(UTC)
        for number in range(10):
            write(client, f"p{number}", enter=["s"])
        until(lambda: standing(client).waiting == 0, "not told")
        seconds = (datetime.now(UTC) - began).total_seconds()
    assert len(receiver.ids) == 10 and not letters(client) and seconds >= 2


@pytest.mark.parametrize("answer", [RESET, 200])
def test_an_answer_that_breaks_off_hinders_nobody_for_long(server: RedisServer, client: Redis, answer: Any) -> None:
    """Where the receiver took it and its answer was lost, it comes again under the same id."""
    with (
        receiving(lambda data, times: answer if times == 0 else 200) as receiver,
        telling(told_to(server, receiver), has_state),
    ):
        write(client, "p", leave=["s"])
        until(lambda: standing(client).told == 1, "not told")
    assert [*receiver.seen.values()] == [2 if answer == RESET else 1]

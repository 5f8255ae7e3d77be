"""The process that tells is killed amid it, again and again: nothing is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jobs.hooks.telling import telling
from jobs.redis_store import hooks as store
from tests.jobs.hooks.changes import KEYS, VARIABLE, secret_text, settings_with, until, webhook, write, written
from tests.jobs.hooks.receiver import hash_of, receiving
from tests.redis_server import redis_server

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[3]
CHANGES, KILLS = 400, 3


def started(port: int, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.jobs.hooks.killed_teller", str(port), url]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_killed_amid_it_nothing_is_lost_and_each_persons_changes_come_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, secret_text())
    draw = random.Random(7)

    def answer(data: dict[str, Any], times: int) -> int:
        """One of three only when it comes again: what was settled too early would be lost."""
        time.sleep(0.01)
        return 503 if times == 0 and hash_of(data["person"], data["segment"]) % 3 == 0 else 200

    with redis_server() as server, receiving(answer) as receiver:
        settings = settings_with(server.settings(), {"mailer": webhook(receiver.url)})
        with telling(settings, lambda: True):
            pass  # from now on it is told
        for number in range(CHANGES):
            write(server.admin, f"p{number % 40}", enter=[f"s{number // 40}"])
        for kill in range(KILLS):
            process = started(server.port, receiver.url)
            try:
                goal = CHANGES * (kill + 1) // (KILLS + 2) + draw.randrange(20)
                until(lambda goal=goal: len(receiver.ids) >= goal, "not told")  # type: ignore[misc]
            finally:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
        assert len(receiver.ids) < CHANGES, "killed too late to prove anything"
        with telling(settings, lambda: True):
            until(lambda: len(receiver.ids) == CHANGES, "lost")
        at, changes = store.standing(server.admin, KEYS, "mailer"), [*written(server.admin)]
    assert not receiver.wrong and {*receiver.ids} == {*changes}
    assert at is not None and (at.told, at.waiting, at.lost, at.dead) == (CHANGES, 0, 0, 0)
    persons = {id_: data["person"] for id_, data in receiver.taken}
    for person in {*persons.values()}:
        ids = [id_ for id_ in receiver.ids if persons[id_] == person]
        assert ids == sorted(ids, key=changes.index)

"""Dead letters told again, under the ids that they had."""

import time
from collections.abc import Iterator
from typing import Literal

from jobs.errors import OperatorError
from jobs.hooks.answer import Answer
from jobs.hooks.message import message_of, message_of_test
from jobs.hooks.pace import pause_seconds
from jobs.hooks.targets import Target, target_named
from jobs.redis_store import hooks as store
from jobs.redis_store.client import connect
from jobs.redis_store.faults import redis_faults
from jobs.redis_store.hooks import Change
from jobs.redis_store.keys import Keys
from jobs.settings.loading import Settings

FAILED_IN_A_ROW = 3
"""After so many it is the target that takes nothing."""

Outcome = Literal["told", "overtaken", "not_taken"]


def count(settings: Settings, name: str) -> int:
    """How many there are of a target. Raises OperatorError where Redis does not answer."""
    with redis_faults(settings.redis):
        return store.dead_count(connect(settings.redis), Keys(settings.redis.prefix), name)


def replay(settings: Settings, name: str) -> Iterator[Outcome]:
    """Tells a target its dead letters, the oldest first, and says of each what became of it.

    One that is told, or overtaken (it is the other way round by now), is none any more; one that is not taken stays.
    May be broken off at any time. Raises OperatorError where the target takes nothing, and as `target_named` does.
    """
    target, failed = target_named(settings, name), 0
    client, keys = connect(settings.redis), Keys(settings.redis.prefix)
    with redis_faults(settings.redis):
        for letter, change, _ in store.dead_letters(client, keys, name):
            if store.is_in(client, keys, change) != (change.kind == "enter"):
                store.settle_letter(client, keys, name, letter, "overtaken")
                yield "overtaken"
                continue
            answer = _told(settings, target, change)
            if answer.kind == "taken":
                store.settle_letter(client, keys, name, letter, "told")
            failed = 0 if answer.kind in ("taken", "refused") else failed + 1
            if failed == FAILED_IN_A_ROW:
                raise OperatorError(
                    f"hook {name}: {target.where} takes nothing ({answer.reason}); the dead letters stay, replay them"
                    " when it does"
                )
            yield "told" if answer.kind == "taken" else "not_taken"


def test(settings: Settings, name: str) -> Answer:
    """What a target answers to a message about nobody. Raises OperatorError where it does not take it."""
    target = target_named(settings, name)
    webhook = settings.hooks.webhooks.get(name)
    answer = target.tell(message_of_test(next(iter(webhook.segments if webhook else ()), "test")))
    if answer.kind != "taken":
        raise OperatorError(f"hook {name}: {target.where} did not take it ({answer.reason})")
    return answer


def _told(settings: Settings, target: Target, change: Change) -> Answer:
    answer = target.tell(message_of(change))
    for failures in range(1, settings.hooks.tries):
        if answer.kind in ("taken", "refused"):
            break
        time.sleep(max(answer.wait_seconds, pause_seconds(failures, settings.hooks)))
        answer = target.tell(message_of(change))
    return answer

"""While live segments are worked out, each target of the settings is told of the changes, by a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import RedisError

from jobs.errors import OperatorError
from jobs.hooks.delivery import Delivery
from jobs.hooks.pace import pause_seconds
from jobs.hooks.targets import Target, targets_of
from jobs.redis_store import hooks as store
from jobs.redis_store.client import connect
from jobs.redis_store.faults import description, redis_faults
from jobs.redis_store.hooks import NoGroup
from jobs.redis_store.keys import Keys
from jobs.settings.loading import Settings

IDLE_SECONDS = 0.2
"""How long a thread rests when there is nothing to tell."""
LAST_SECONDS = 10.0
"""How long what was written before the end may still be told; the rest is told after the next start."""

log = logging.getLogger(__name__)


@contextmanager
def telling(settings: Settings, has_state: Callable[[], bool]) -> Iterator[None]:
    """While the block lasts. No target, whatever it does, hinders the block.

    `has_state`: whether Redis holds live segments now. One that was emptied, and begun anew by who noticed it, tells
    nobody of those who are in again.
    """
    targets = targets_of(settings)
    client, keys = connect(settings.redis), Keys(settings.redis.prefix)
    with redis_faults(settings.redis):
        for name in targets:
            _join(client, keys, name)
    stop, ended = threading.Event(), threading.Event()
    threads = [
        threading.Thread(
            target=_keep_telling,
            args=(settings, target, has_state, stop, ended),
            name=f"hook {target.name}",
            daemon=True,
        )
        for target in targets.values()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
        stop.set()
        until = time.monotonic() + LAST_SECONDS
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
    finally:
        stop.set()
        ended.set()
        for thread in threads:
            thread.join(2 * settings.hooks.timeout_seconds)


def _keep_telling(
    settings: Settings, target: Target, has_state: Callable[[], bool], stop: threading.Event, ended: threading.Event
) -> None:
    """Until `ended` is set, and from `stop` on until there is nothing left to tell."""
    client, keys = connect(settings.redis), Keys(settings.redis.prefix)
    delivery, faults = Delivery(client, keys, target, settings.hooks, ended.is_set), 0
    while not ended.is_set():
        try:
            went_on = delivery.step()
            faults = 0
            if not went_on:
                if stop.is_set() and delivery.is_idle():
                    break
                ended.wait(IDLE_SECONDS)
        except Exception as error:  # whatever it is: nobody's segments wait for who is told of them
            delivery.forget()
            faults += 1
            if faults == 1:
                log.warning("hook %s: %s; it goes on when that is over", target.name, _in_words(error, settings))
            if stop.wait(pause_seconds(faults, settings.hooks)):
                break
            with suppress(Exception):
                if isinstance(error, NoGroup) and has_state():
                    _join(client, keys, target.name)
    with suppress(RedisError):
        delivery.close()


def _join(client: Redis, keys: Keys, name: str) -> None:
    if store.join(client, keys, name):
        log.info("hook %s: it is told what changes from now on", name)


def _in_words(error: Exception, settings: Settings) -> str:
    """What other errors say may hold an address."""
    if isinstance(error, RedisError):
        return description(error, settings.redis)
    return str(error) if isinstance(error, OperatorError) else type(error).__name__

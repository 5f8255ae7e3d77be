"""Stages of the demo: in their order, two at a time, and none after one that failed."""

import signal
import threading
from functools import partial

import pytest

from jobs.errors import OperatorError
from jobs.local import stages
from jobs.local.stages import Stage
from jobs.settings.loading import Settings

LONG = 30  # seconds, for what must come


def test_each_begins_behind_those_it_waits_for_and_two_are_at_work_at_once(settings: Settings) -> None:
    begun: list[str] = []
    together = threading.Barrier(2, timeout=LONG)  # breaks, unless both are at work at once

    def meet(name: str) -> str:
        begun.append(name)
        together.wait()
        return name.upper()

    ended = stages.run(
        settings,
        [
            Stage("last", lambda: begun.append("last"), ("left", "right")),
            Stage("left", lambda: meet("left")),
            Stage("right", lambda: meet("right")),
        ],
    )
    assert sorted(begun[:2]) == ["left", "right"] and begun[2:] == ["last"]
    assert (ended["left"].result, ended["last"].result) == ("LEFT", None)
    assert ended["left"].peak_mib > 10


def test_no_more_than_so_many_at_once_and_the_first_named_first(settings: Settings) -> None:
    begun: list[str] = []
    names, together = ["c", "a", "b", "d"], threading.Barrier(2)

    def alone(name: str) -> None:
        begun.append(name)
        with pytest.raises(threading.BrokenBarrierError):
            together.wait(timeout=0.5)

    stages.run(settings, [Stage(name, partial(alone, name)) for name in names], at_once=1)
    assert begun == names


def test_what_fails_is_raised_behind_those_beside_it_and_nothing_else_begins(settings: Settings) -> None:
    begun: list[str] = []

    def fail() -> None:
        raise OperatorError("no")

    def beside() -> None:
        for thread in threading.enumerate():
            if thread.name == "fails":  # it began first: it is at work still, or has failed
                thread.join(LONG)
        begun.append("beside")

    later = [
        Stage("after it", lambda: begun.append("after it"), ("fails",)),
        Stage("free", lambda: begun.append("free")),
    ]
    with pytest.raises(OperatorError, match="no"):
        stages.run(settings, [Stage("fails", fail), Stage("beside", beside), *later])
    assert begun == ["beside"]


def test_ctrl_c_is_heard_at_once_though_the_system_tells_another_thread_of_it(settings: Settings) -> None:
    begun, over = threading.Event(), threading.Event()

    def told() -> None:
        begun.set()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        over.wait(LONG)

    # Whoever starts tests in the background has them ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            stages.run(settings, [Stage("told", told)])
        assert begun.is_set() and any(thread.name == "told" for thread in threading.enumerate())
    finally:
        over.set()
        signal.signal(signal.SIGINT, before)

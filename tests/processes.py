"""Processes asked one after the other, any of which may end meanwhile."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

import psutil

Answer = TypeVar("Answer")


def answers(
    processes: Iterable[psutil.Process], question: Callable[[psutil.Process], Answer]
) -> list[tuple[psutil.Process, Answer]]:
    """Each process that has not ended, with its answer, such as of `psutil.Process.cmdline`."""
    answered = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            answered.append((process, question(process)))
    return answered

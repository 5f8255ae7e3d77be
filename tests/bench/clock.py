"""Timing one piece of work, and the shape of a case's result."""

import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any


def seconds(work: Callable[[], Any]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def median_seconds(work: Callable[[], Any], times: int = 3) -> float:
    """The median of some runs, after one that is not counted and warms the JVM."""
    work()
    return median(seconds(work) for _ in range(times))


def exponent(seconds_by_size: dict[int, float]) -> float:
    """By what power of the size the time grows, from the least to the most: 1 where twice the size takes twice as
    long."""
    least, most = min(seconds_by_size), max(seconds_by_size)
    return round(math.log(seconds_by_size[most] / seconds_by_size[least]) / math.log(most / least), 3)


def result(value: float, unit: str, yardstick: str, yardstick_value: float, n: int, **further: Any) -> dict[str, Any]:
    """`ratio` is value / yardstick_value."""
    return {
        "value": round(value, 2),
        "unit": unit,
        "yardstick": yardstick,
        "yardstick_value": round(yardstick_value, 2),
        "ratio": round(value / yardstick_value, 3),
        "n": n,
        **further,
    }

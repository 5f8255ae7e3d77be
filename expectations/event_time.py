"""When an event occurred, in SQL on the columns `event` (a parsed message) and `received_at`, and in Python.

Text, because a Column of many calls takes the driver longer to build than a small micro-batch takes to judge.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from expectations.contract import EARLIEST, LATEST_AFTER_ARRIVAL, PURPOSES

_DENIES = " OR ".join(f"coalesce(NOT event.payload.purposes.{name}, false)" for name in PURPOSES)
# What denies something is never refused for its time.
_IS_WITHDRAWAL = f"coalesce(event.event_type = 'consent' AND ({_DENIES}), false)"
# RFC 3339 as a timestamp, null where it is none. Spark wants the letters large that RFC 3339 takes small too.
_AT = "try_to_timestamp(upper(event.occurred_at))"
_EARLIEST = f"timestamp '{EARLIEST}'"
FIRST_DAY = datetime.fromisoformat(EARLIEST).replace(tzinfo=UTC)
_MINUTES_AFTER = timedelta(minutes=int(LATEST_AFTER_ARRIVAL.removesuffix(" minutes")))


def occurred_at() -> Column:
    """When an event occurred, as a timestamp; a withdrawal that says an impossible time occurred when it arrived."""
    is_possible = f"{_AT} BETWEEN {_EARLIEST} AND received_at"
    return F.expr(f"CASE WHEN {_IS_WITHDRAWAL} AND NOT ({is_possible}) THEN received_at ELSE {_AT} END")


def is_timely(at: Column) -> Column:
    """Whether no event that says it occurred at `at` (text, RFC 3339), and was received at `received_at`, is refused
    for its time."""
    moment = F.try_to_timestamp(F.upper(at))
    latest = F.col("received_at") + F.expr(f"interval {LATEST_AFTER_ARRIVAL}")
    return F.coalesce(moment.between(F.expr(_EARLIEST), latest), F.lit(False))


def untimely() -> Column:
    """What is wrong with the time of an event that is no withdrawal; null: nothing, or it says none."""
    return F.expr(
        f"CASE WHEN {_IS_WITHDRAWAL} THEN NULL"
        f" WHEN {_AT} < {_EARLIEST} THEN 'occurred_at: before {EARLIEST}'"
        f" WHEN {_AT} > received_at + interval {LATEST_AFTER_ARRIVAL}"
        f" THEN 'occurred_at: over {LATEST_AFTER_ARRIVAL} after arrival' END"
    )


def moment_of(event: Mapping[str, Any], received_at: datetime) -> datetime | None:
    """The same of one valid event: when it occurred, or None where it is refused for its time."""
    at = None
    with suppress(ValueError, OverflowError):  # what Python has no year for is not possible either
        at = datetime.fromisoformat(event["occurred_at"].upper()).astimezone(UTC)
    purposes = (event["payload"].get("purposes") or {}) if event["event_type"] == "consent" else {}
    if any(purposes.get(name) is False for name in PURPOSES):
        return at if at is not None and FIRST_DAY <= at <= received_at else received_at
    return at if at is not None and FIRST_DAY <= at <= received_at + _MINUTES_AFTER else None

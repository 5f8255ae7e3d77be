"""What became of one attempt to deliver a message."""

from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

PATIENT_AT_MOST = 3600.0
"""No receiver has more than an hour by its Retry-After."""


class Answer(NamedTuple):
    """`taken`; `refused`: it would be so again; `failed`: it may pass; `throttled`: too much at once, and nothing is
    wrong with the message; `overtaken`: it is not true any more, and was not sent.

    `reason`: what was seen, without an address. `wait_seconds`: how long the receiver asks to be left alone.
    """

    kind: Literal["taken", "refused", "failed", "throttled", "overtaken"]
    reason: str
    wait_seconds: float = 0.0


def answer_of(status: int, retry_after: str, now: float) -> Answer:
    """By the HTTP status, and what the receiver says of when to come again; `now` in seconds since 1970."""
    reason, wait = f"HTTP {status}", _seconds(retry_after, now)
    if 200 <= status < 300:
        return Answer("taken", reason)
    if status == 429 or (status == 503 and wait):
        return Answer("throttled", reason, wait)
    if status >= 500 or status in (408, 425):
        return Answer("failed", reason, wait)
    return Answer("refused", reason)


def _seconds(retry_after: str, now: float) -> float:
    """Of a Retry-After in either form; 0 where it is none."""
    try:
        seconds = (
            float(retry_after) if retry_after.isdecimal() else parsedate_to_datetime(retry_after).timestamp() - now
        )
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), PATIENT_AT_MOST)

"""Telling somebody now: one message to the webhook of the settings, tried again a few times."""

import json
import time
from typing import Any

from jobs.errors import OperatorError
from jobs.hooks.posting import post_to, web_address

PAUSE_SECONDS = 1.0
ALERTS = "alerts.webhook"


def require(url: str) -> None:
    """Raises OperatorError for an address that is not http or https."""
    web_address(url, ALERTS)


def post(url: str, body: dict[str, Any], key: str, timeout_seconds: float, tries: int) -> None:
    """Posts `body` until the answer is 2xx, at most `tries` times with growing pauses.

    `key` stays the same for the same content, so that a receiver can tell a repetition. Raises OperatorError with
    what was answered last; a refusal (4xx) is not repeated.
    """
    address = web_address(url, ALERTS)
    ask, reason = post_to(address, timeout_seconds), ""
    for again in range(tries):
        if again:
            time.sleep(PAUSE_SECONDS * 2 ** (again - 1))
        answer = ask(json.dumps(body).encode(), {"Idempotency-Key": key})
        if answer.kind == "taken":
            return
        reason = answer.reason
        if answer.kind == "refused":
            break
    raise OperatorError(f"the webhook at {address.host} did not take it ({reason})")

"""Telling somebody: one POST of JSON to the webhook of the settings. The address may be a secret: it is never said."""

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any

from jobs.errors import OperatorError
from jobs.settings.addresses import Address, address_of

PAUSE_SECONDS = 1.0
WORTH_ANOTHER_TRY = {408, 425, 429}  # and all of 500 and above


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is redirected would go on as a GET, and its text be lost."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def require(url: str) -> None:
    """Raises OperatorError for an address that is not http or https."""
    _address(url)


def _address(url: str) -> Address:
    address = address_of(url)
    if address is None or address.scheme not in ("http", "https"):
        raise OperatorError(
            "alerts.webhook is no http or https address that can be understood; mend LAKEHOUSE_ALERTS__WEBHOOK, with a"
            " password in it percent-encoded"
        )
    return address


def post(url: str, body: dict[str, Any], key: str, timeout_seconds: float, tries: int) -> None:
    """Posts `body` until the answer is 2xx, at most `tries` times with growing pauses.

    `key` stays the same for the same content, so that a receiver can tell a repetition. Raises OperatorError with
    what was answered last; a refusal (4xx) is not repeated.
    """
    address = _address(url)
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, **_login(address)}
    request = urllib.request.Request(address.without_login, json.dumps(body).encode(), headers, method="POST")
    opener = urllib.request.build_opener(_NoRedirect)
    reason = ""
    for again in range(tries):
        if again:
            time.sleep(PAUSE_SECONDS * 2 ** (again - 1))
        try:
            with opener.open(request, timeout=timeout_seconds):
                return
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code}"
            if error.code < 500 and error.code not in WORTH_ANOTHER_TRY:
                break
        except (OSError, http.client.HTTPException) as error:  # no answer in time, nobody there, no such name
            reason = type(getattr(error, "reason", error)).__name__
    raise OperatorError(f"the webhook at {address.host} did not take it ({reason})")


def _login(address: Address) -> dict[str, str]:
    if address.user is None:
        return {}
    pair = f"{address.user}:{address.password or ''}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

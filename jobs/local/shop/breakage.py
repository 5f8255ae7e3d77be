"""Broken on purpose: about one message in two hundred, beside the good ones, never in place of one.

One planted message is a copy of a good one, spoilt in one way, with an `event_id` of its own ("broken-..."),
or a byte-identical resend of a good one under the same key ("duplicate"). The kinds come in turn, so that
each is there as soon as five are planted.
"""

import json
from typing import Any

import numpy as np

from jobs.local.shop.message import PLANTED_KINDS, Message, encoded

ONE_IN = 200
LATEST_RESEND = 5_000
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
REQUIRED_HERE = ("event_type", "occurred_at", "payload", "event_id", "schema_version")
# A day that is not, a word, no offset from UTC.
NO_DATES = ("2017-13-45T25:61:00Z", "yesterday", "2017-06-30T10:00:00")
# Before 2000, not yet: from a clock that is wrong, which makes no withdrawal of consent invalid.
BAD_DATES = (*NO_DATES, "1917-11-07T21:40:00Z", "2999-01-01T00:00:00Z")


def with_broken(good: list[Message], seed: int) -> list[Message]:
    """The good messages in their order, with the planted ones among them.

    One planted for every 200 good, and at least one of each kind; a broken copy follows its original, a
    resend follows at once or, every second one, up to 5,000 messages later. Planted messages keep `at_ms` in
    order.
    """
    if not good:
        return []
    rng = np.random.default_rng([seed, ONE_IN])
    planted = max(len(PLANTED_KINDS), round(len(good) / ONE_IN))
    originals = np.sort(rng.choice(len(good), planted, replace=planted > len(good)))
    after: dict[int, list[Message]] = {}
    for number, original in enumerate(originals.tolist()):
        kind, variant = PLANTED_KINDS[number % len(PLANTED_KINDS)], number // len(PLANTED_KINDS)
        place = original
        if kind == "duplicate":
            place = min(len(good) - 1, original + (int(rng.integers(LATEST_RESEND)) if variant % 2 else 0))
            value = good[original].value
        else:
            value = spoilt(kind, variant, json.loads(good[original].value), f"broken-{kind}-{number}")
        message = Message(good[original].key, value, good[place].at_ms, kind)
        after.setdefault(place, []).append(message)
    return [message for i, first in enumerate(good) for message in (first, *after.get(i, ()))]


def spoilt(kind: str, variant: int, event: dict[str, Any], event_id: str) -> bytes:
    """The event as a message of that kind of breakage; `variant` counts the messages of the kind."""
    event["event_id"] = event_id
    if kind == "not_json":
        # Cut off in transit, or what a proxy answers in place of the shop.
        return encoded(event)[:-20] if variant % 2 == 0 else HTML
    if kind == "wrong_type":
        _mistype(event, variant)
    elif kind == "missing_field":
        _omit(event, variant)
    elif kind == "bad_date":
        dates = NO_DATES if event["event_type"] == "consent" else BAD_DATES
        event["occurred_at"] = dates[variant % len(dates)]
    else:
        raise ValueError(f"no such kind of broken message: {kind}")
    return encoded(event)


def _mistype(event: dict[str, Any], variant: int) -> None:
    payload = event["payload"]
    if variant % 3 == 0:
        event["payload"] = "see attachment"
    elif variant % 3 == 1:
        event["schema_version"] = "one"
    elif "lines" in payload:
        payload["lines"][0]["quantity"] = "two"
    elif "quantity" in payload:
        payload["quantity"] = "two"
    else:
        event["schema_version"] = [1]


def _omit(event: dict[str, Any], variant: int) -> None:
    place = variant % (len(REQUIRED_HERE) + 2)
    if place < len(REQUIRED_HERE):
        del event[REQUIRED_HERE[place]]
    elif place == len(REQUIRED_HERE):
        event.pop("user_id", None)
        event.pop("anonymous_id", None)
    else:
        event["payload"] = {}

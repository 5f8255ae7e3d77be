"""What most households answered before anything else: one derived `consent` event each, where they joined the shop.

Nineteen in twenty agree to analytics and personalisation, half of them to marketing; the others are not heard of
until browsing's banner asks them. There some agree late, and some of those who joined withdraw.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from jobs.local.shop.message import Message, encoded, occurred_at

AGREES = 0.95
WANTS_MAIL = 0.5
MINUTE_MS = 60_000
OWN_DRAW = 1  # beside browsing's, so that neither changes the other's


def answers(lines: pd.DataFrame, redemptions: pd.DataFrame, seed: int) -> Iterator[Message]:
    """At most one message a household, up to an hour before its first event of the source, by household."""
    bought = lines.groupby("household_id")["transaction_timestamp"].min()
    redeemed = pd.to_datetime(redemptions.groupby("household_id")["redemption_date"].min())
    first = pd.concat([bought, redeemed]).groupby(level=0).min().astype("datetime64[ms]").astype("int64")
    for person, first_ms in first.to_dict().items():
        rng = np.random.default_rng([seed, person, OWN_DRAW])
        if rng.random() < AGREES:
            wants_mail = bool(rng.random() < WANTS_MAIL)
            yield _answer(person, first_ms - int(rng.integers(1, 60)) * MINUTE_MS, wants_mail)


def _answer(person: int, at_ms: int, wants_mail: bool) -> Message:
    purposes = {"analytics": True, "personalisation": True, "marketing": wants_mail}
    event = {
        "event_id": f"joined-{person}",
        "event_type": "consent",
        "schema_version": 1,
        "occurred_at": occurred_at(at_ms),
        "user_id": str(person),
        "context": {"source": "derived"},
        "payload": {"purposes": purposes, "source": "joining", "text_version": "2017-01"},
    }
    return Message(str(person).encode(), encoded(event), at_ms, "consent")

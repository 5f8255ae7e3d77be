"""Suites of what was received."""

from expectations.suites.parts import Expectations, grain, least, required, row


def bronze_events() -> Expectations:
    return [
        *grain("topic", "topic_id", "partition", "offset", may_be_null=("topic_id",)),
        *required("received_at", "received_date"),
        *[least(column, 0) for column in ("partition", "offset")],
        row("received_date = to_date(received_at)"),
    ]


def bronze_catalog() -> Expectations:
    return [*grain("landing", "item_id"), *required("landed_at")]


def bronze_crm() -> Expectations:
    return [*grain("landing", "user_id"), *required("landed_at")]

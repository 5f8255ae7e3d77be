"""Suites of what is valid, unique and typed, and of what was rejected."""

from expectations.contract import LATEST_AFTER_ARRIVAL, contract
from expectations.suites.parts import Expectations, grain, least, one_of, required, row, since_2000

OF_AN_ITEM = ("purchase", "product_view", "add_to_cart", "remove_from_cart", "add_to_wishlist", "rating")
STATES = ("open", "replayed", "discarded")


def silver_events() -> Expectations:
    rules = contract()
    return [
        *grain("event_id"),
        *required("event_type", "schema_version", "occurred_at", "payload", "topic", "partition", "offset"),
        *required("received_at", "event_date", "event_hash"),
        one_of("event_type", tuple(rules.payloads)),
        one_of("schema_version", (rules.version,)),
        *since_2000("occurred_at"),
        *[least(column, 0) for column in ("partition", "offset")],
        row("user_id IS NOT NULL OR anonymous_id IS NOT NULL"),
        row(f"occurred_at <= received_at + INTERVAL {LATEST_AFTER_ARRIVAL}"),
        row("event_date = to_date(occurred_at)"),
    ]


def silver_interactions() -> Expectations:
    return [
        *grain("event_id", "item_id"),
        *required("event_type", "person_id", "occurred_at", "event_date"),
        one_of("event_type", OF_AN_ITEM),
        *since_2000("occurred_at"),
        *[least(column, 0) for column in ("quantity", "amount", "discount")],
        row("event_date = to_date(occurred_at)"),
        row("event_type <> 'purchase' OR (order_id IS NOT NULL AND quantity IS NOT NULL AND amount IS NOT NULL)"),
    ]


def silver_items() -> Expectations:
    return [*grain("item_id"), *required("name"), row("trim(name) <> ''")]


def silver_people() -> Expectations:
    return [
        *grain("person_id"),
        *required("events"),
        least("events", 0),
        *since_2000("first_seen", "last_seen"),
        row("first_seen <= last_seen"),
        row("(events > 0) = (first_seen IS NOT NULL AND last_seen IS NOT NULL)"),
    ]


def quarantine_events() -> Expectations:
    return [
        *grain("topic", "partition", "offset"),
        *required("received_at", "reasons", "contract_version", "state"),
        one_of("state", STATES),
        row("size(reasons) > 0 AND forall(reasons, reason -> reason IS NOT NULL)"),
    ]

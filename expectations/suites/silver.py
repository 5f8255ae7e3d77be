"""Suites of what is valid, unique and typed, and of what was rejected."""

from expectations.contract import LATEST_AFTER_ARRIVAL, PURPOSES, committed_contract
from expectations.custom_expectations import ExpectKeyToBeUnique
from expectations.suites.parts import Expectations, grain, least, one_of, required, row, since_2000

OF_AN_ITEM = ("purchase", "return", "product_view", "add_to_cart", "remove_from_cart", "add_to_wishlist", "rating")
NAMED = "user_id IS NOT NULL OR anonymous_id IS NOT NULL"
STATES = ("open", "replayed", "discarded")


def silver_events() -> Expectations:
    return [
        *grain("event_id"),
        *required("event_type", "schema_version", "occurred_at", "payload", "topic", "partition", "offset"),
        *required("received_at", "event_date", "is_late", "event_hash"),
        one_of("event_type", committed_contract().event_types),
        least("schema_version", 1),
        *since_2000("occurred_at"),
        *[least(column, 0) for column in ("partition", "offset")],
        row(NAMED),
        row(f"occurred_at <= received_at + INTERVAL {LATEST_AFTER_ARRIVAL}"),
        row("event_date = to_date(occurred_at)"),
    ]


def silver_interactions() -> Expectations:
    return [
        *grain("event_id", "item_id"),
        *required("event_type", "occurred_at", "event_date"),
        row(NAMED),
        one_of("event_type", OF_AN_ITEM),
        *since_2000("occurred_at"),
        *[least(column, 0) for column in ("quantity", "amount", "discount")],
        row("event_date = to_date(occurred_at)"),
        row(
            "event_type NOT IN ('purchase', 'return')"
            " OR (order_id IS NOT NULL AND quantity IS NOT NULL AND amount IS NOT NULL)"
        ),
    ]


def silver_catalog() -> Expectations:
    return _history_of("item_id")


def silver_crm() -> Expectations:
    return _history_of("user_id")


def silver_consents() -> Expectations:
    return [
        *grain("event_id", "purpose"),
        *required("is_granted", "said_by", "valid_from", "recorded_at"),
        row(NAMED),
        one_of("purpose", PURPOSES),
        one_of("said_by", ("person", "client")),
        *since_2000("valid_from"),
        row("valid_from <= recorded_at"),
        row("said_by = 'person' OR (source IS NULL AND text_version IS NULL)"),
    ]


def silver_items() -> Expectations:
    return [*grain("item_id"), *required("title"), row("trim(title) <> ''"), least("price", 0)]


def silver_people() -> Expectations:
    return [
        *grain("user_id", "anonymous_id", may_be_null=("user_id", "anonymous_id")),
        row(NAMED),
        *required("events"),
        least("events", 0),
        *since_2000("first_seen", "last_seen"),
        row("first_seen <= last_seen"),
        row("(events > 0) = (first_seen IS NOT NULL AND last_seen IS NOT NULL)"),
    ]


def quarantine_events() -> Expectations:
    return [
        *grain("topic", "topic_id", "partition", "offset", may_be_null=("topic_id",)),
        *required("received_at", "reasons", "contract_version", "state"),
        one_of("state", STATES),
        row("size(reasons) > 0 AND forall(reasons, reason -> reason IS NOT NULL)"),
    ]


def quarantine_sources() -> Expectations:
    return [
        *required("table_name", "landing", "landed_at", "place", "reasons", "state"),
        one_of("state", ("open", "discarded")),
        row("size(reasons) > 0 AND forall(reasons, reason -> reason IS NOT NULL)"),
        row("(unreadable IS NULL) = (sealed_by IS NULL)"),
    ]


def _history_of(key: str) -> Expectations:
    # Of two rows still valid both have no valid_to.
    one_now = ExpectKeyToBeUnique(key=[key, "valid_to"])
    return [*grain(key, "valid_from"), one_now, row("valid_from < valid_to")]

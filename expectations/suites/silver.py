"""Suites of what is valid, unique and typed, and of what was rejected."""

from expectations.contract import LATEST_AFTER_ARRIVAL, PURPOSES, committed_contract
from expectations.custom_expectations import ExpectKeyToBeUnique
from expectations.suites.parts import Expectations, grain, least, one_of, required, row, since_2000

OF_AN_ITEM = ("purchase", "return", "product_view", "add_to_cart", "remove_from_cart", "add_to_wishlist", "rating")
NAMED = "user_id IS NOT NULL OR anonymous_id IS NOT NULL"
IDENTIFIER_TYPES = ("user_id", "crm_id", "email", "phone", "device_id", "anonymous_id")
LINKED_BY = ("login", "identify", "device", "crm", "linkage", "operator")
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


def silver_identities() -> Expectations:
    identifier = ("identifier_type", "identifier")
    return [
        *grain(*identifier, "valid_from"),
        ExpectKeyToBeUnique(key=[*identifier, "valid_to"]),
        *required("person_id", "component", "is_shared", "received_at", "cause"),
        one_of("identifier_type", IDENTIFIER_TYPES),
        one_of("cause", (*LINKED_BY, "rules", "seen")),
        row("trim(identifier) <> ''"),
        row("valid_from < valid_to"),
        # What links nobody is nobody else's.
        row("is_shared = false OR person_id IN (identifier, concat_ws(':', identifier_type, identifier))"),
    ]


def silver_identity_links() -> Expectations:
    ends = ("left_type", "left_identifier", "right_type", "right_identifier")
    return [
        *grain(*ends, "source", "is_standing", "received_at"),
        *[one_of(column, IDENTIFIER_TYPES) for column in ("left_type", "right_type")],
        one_of("source", ("events", "crm", "linkage", "operator")),
        one_of("cause", LINKED_BY),
        *required("cause"),
        row("source <> 'events' OR (is_standing AND event_id IS NOT NULL)"),
        row("CASE WHEN source = 'linkage' AND is_standing THEN probability IS NOT NULL ELSE probability IS NULL END"),
        row("probability BETWEEN 0 AND 1"),
        row("left_type <> right_type OR left_identifier <> right_identifier"),
    ]


def silver_identity_changes() -> Expectations:
    return [
        *grain("changed_at", "from_person_id", "person_id"),
        *required("kind", "identifiers", "cause"),
        one_of("kind", ("merge", "split")),
        row("from_person_id <> person_id"),
        row("size(identifiers) > 0"),
    ]


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

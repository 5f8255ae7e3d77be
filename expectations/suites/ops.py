"""Suites of the accounts."""

import great_expectations.expectations as gxe

from expectations.suites.parts import Expectations, finite, grain, least, one_of, required, row

COUNTS = ("received", "kept", "quarantined", "duplicate", "refused")
MEASURES = ("volume", "rejected", "rejected_share", "null_share", "distinct", "psi")
RULES = ("unusual", "drift", "limit")
STATES = ("unsent", "sent", "recorded")


def ops_ledger() -> Expectations:
    return [
        *grain("topic", "topic_id", "partition", "first_offset", "batch", may_be_null=("topic_id",)),
        *required("last_offset", *COUNTS),
        *[least(column, 0) for column in ("partition", "first_offset", *COUNTS)],
        row("received = kept + quarantined + duplicate + refused"),
        row("lost > 0 OR received BETWEEN 1 AND last_offset - first_offset + 1"),
        row("lost = 0 OR (received = 0 AND lost = last_offset - first_offset + 1)"),
    ]


def ops_identity_review() -> Expectations:
    return [
        *grain("left_type", "left_identifier", "right_type", "right_identifier"),
        *required("probability", "agreement", "state", "found_at"),
        *[one_of(column, ("user_id", "crm_id")) for column in ("left_type", "right_type")],
        one_of("state", ("open", "accepted", "rejected", "withdrawn")),
        row("probability BETWEEN 0 AND 1"),
        row("left_type <> right_type OR left_identifier <> right_identifier"),
        row("(state IN ('accepted', 'rejected')) = (decided_by IS NOT NULL AND decided_at IS NOT NULL)"),
    ]


def ops_segment_rule_sets() -> Expectations:
    return [
        *grain("rule_set", "decided_at"),
        *required("state", "reason", "movement", "rules"),
        one_of("state", ("in_force", "canary", "stopped", "rolled_back")),
        row("forall(map_values(movement), moved -> moved BETWEEN 0 AND 1)"),
        row("state <> 'canary' OR share IS NOT NULL"),
        gxe.ExpectColumnValuesToBeBetween(column="share", min_value=0, max_value=1),
    ]


def ops_landings() -> Expectations:
    return [
        *grain("table_name", "landing"),
        *required("landed_at", "rows"),
        *[least(column, 0) for column in ("rows", "quarantined", "opened", "closed")],
        row("mode IN ('full', 'incremental')"),
    ]


def ops_daily_quality() -> Expectations:
    return [
        *grain("day", "event_type", "measure", "column_name"),
        *required("value", "events", "measured_at"),
        one_of("measure", MEASURES),
        *[least(column, 0) for column in ("value", "events")],
        row("measure NOT LIKE '%_share' OR value <= 1"),
    ]


def ops_alerts() -> Expectations:
    return [
        *grain("alert_id"),
        *required("day", "event_type", "measure", "column_name", "rule", "value", "expected", "score"),
        *required("state", "raised_at"),
        one_of("rule", RULES),
        one_of("state", STATES),
        *[finite(column) for column in ("value", "expected", "score")],
        row("(state = 'sent') = (sent_at IS NOT NULL)"),
    ]

"""Suites of what is known of each person, and what each should see next."""

import great_expectations.expectations as gxe

from expectations.custom_expectations import ExpectKeyToBeUnique
from expectations.suites.parts import (
    LARGEST,
    Expectations,
    above,
    finite,
    grain,
    least,
    one_of,
    required,
    row,
    since_2000,
)

SLOTS = ("again", "discover")
SOURCES = ("rule", "persona")
CAUSES = ("merge", "consent", "event", "expiry", "rule", "catalogue", "model")
SHARES_OF_A_PROFILE = ("categories", "brands", "hours", "weekdays", "devices", "countries")
ROUNDING = "1e-6"  # sums of doubles added in another order differ in the last digits


def gold_ratings() -> Expectations:
    return [
        *grain("person_id", "item_id"),
        *required("weight", "purchases", "last_at"),
        above("weight", 0),
        least("purchases", 0),
        *since_2000("last_at"),
    ]


def gold_features() -> Expectations:
    amounts = ("recency_days", "spend", "mean_basket", "mean_price")
    counts = ("baskets", "lines", "items")
    shares = ("categories", "brands")
    return [
        *grain("person_id"),
        *required(*amounts, *counts, "discount_share", *shares),
        *[least(column, 0) for column in amounts],
        *[least(column, 1) for column in counts],
        gxe.ExpectColumnValuesToBeBetween(column="discount_share", min_value=0, max_value=1),
        row("baskets <= lines AND items <= lines"),
        row(f"abs(mean_basket * baskets - spend) <= {ROUNDING} * (1 + spend)"),
        *[row(f"forall(map_values({name}), share -> share >= 0 AND share <= 1 + {ROUNDING})") for name in shares],
        *[row(f"spend = 0 OR abs({_sum_of(name)} - 1) <= {ROUNDING}") for name in shares],
    ]


def gold_segments() -> Expectations:
    return [
        *grain("person_id", "segment_id"),
        *required("name", "source", "version", "since"),
        one_of("source", SOURCES),
        least("distance", 0),
        row("(source = 'persona') = (distance IS NOT NULL)"),
    ]


def gold_segment_changes() -> Expectations:
    return [
        *grain("person_id", "segment_id", "changed_at"),
        *required("source", "kind", "cause"),
        one_of("source", SOURCES),
        one_of("kind", ("enter", "leave")),
        one_of("cause", CAUSES),
        row("kind = 'leave' OR version_after IS NOT NULL"),
    ]


def gold_segment_checks() -> Expectations:
    return [*grain("person_id"), *required("checked_at", "until"), row("checked_at < until")]


def gold_sessions() -> Expectations:
    return [
        *grain("person_id", "session"),
        *required("started_at", "ended_at", "steps", "seconds", "events", "is_purchase"),
        least("session", 1),
        *since_2000("started_at"),
        row("started_at <= ended_at AND to_date(started_at) = to_date(ended_at)"),
        row("size(steps) > 0 AND size(seconds) = size(steps)"),
        row("aggregate(map_values(events), 0L, (sum, n) -> sum + n) = size(steps)"),
        row("is_purchase = array_contains(steps, 'purchase')"),
        row("coalesce(get(seconds, 0), 0D) = 0 AND seconds = array_sort(seconds)"),
    ]


def gold_profiles() -> Expectations:
    return [*grain("person_id"), *required("valid_from"), *_of_a_profile()]


def gold_profile_history() -> Expectations:
    return [*grain("person_id", "valid_from"), *required("valid_to"), *_of_a_profile(), row("valid_from < valid_to")]


def _of_a_profile() -> Expectations:
    counts = ("events", "sessions", "steps", "recent_sessions", "recent_steps", "recent_actions", "baskets", "lines")
    always = (*counts, "items", "spend", "attributes", "imputed", "engagement", *SHARES_OF_A_PROFILE, "behaviour")
    quintiles = [f"{measure}_quintile" for measure in ("recency", "frequency", "monetary")]
    return [
        *required(*always),
        *[least(column, 0) for column in (*counts, "items", "spend", "mean_basket", "mean_price")],
        gxe.ExpectColumnValuesToBeBetween(column="discount_share", min_value=0, max_value=1),
        *[gxe.ExpectColumnValuesToBeBetween(column=column, min_value=1, max_value=5) for column in quintiles],
        one_of("engagement", ("high", "medium", "low")),
        *since_2000("first_seen", "last_seen", "last_purchase_at"),
        row("first_seen <= last_seen"),
        row("baskets <= events AND steps <= events AND sessions <= steps AND items <= lines"),
        row("recent_sessions <= sessions AND recent_steps <= steps AND recent_actions <= recent_steps"),
        row("(baskets > 0) = (last_purchase_at IS NOT NULL)"),
        *[row(f"(baskets > 0) = ({column} IS NOT NULL)") for column in quintiles],
        row("forall(imputed, name -> map_contains_key(attributes, name))"),
        *[
            row(f"forall(map_values({name}), share -> share > 0 AND share <= 1 + {ROUNDING})")
            for name in SHARES_OF_A_PROFILE
        ],
        row(f"size(behaviour) > 0 AND forall(behaviour, x -> x IS NOT NULL AND abs(x) <= {LARGEST}D)"),
        row("(segment_id IS NULL) = (segment IS NULL)"),
    ]


def gold_person_factors() -> Expectations:
    return _factors_of("person_id")


def gold_item_factors() -> Expectations:
    return _factors_of("item_id")


def gold_recommendations() -> Expectations:
    return [
        *grain("version", "person_id", "slot", "rank"),
        # An item is either new to the person or not: it stands in one slot only.
        ExpectKeyToBeUnique(key=["version", "person_id", "item_id"]),
        *required("item_id", "score", "reason", "reason_values", "model"),
        one_of("slot", SLOTS),
        least("rank", 1),
        finite("score"),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="version", max_value=1),
    ]


def gold_fallbacks() -> Expectations:
    return [
        *grain("segment_id", "rank"),
        ExpectKeyToBeUnique(key=["segment_id", "item_id"]),
        *required("item_id", "score"),
        least("rank", 1),
        finite("score"),
    ]


def _sum_of(shares: str) -> str:
    return f"aggregate(map_values({shares}), 0D, (sum, share) -> sum + share)"


def _factors_of(owner: str) -> Expectations:
    finite = f"size(factors) > 0 AND forall(factors, x -> x IS NOT NULL AND abs(x) <= {LARGEST}D)"
    return [*grain("run_id", owner), *required("factors"), row(finite)]

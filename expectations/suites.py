"""One Great Expectations suite per table, by the table's name: the grain, the required, the ranges, the cross-checks.

Column names and their order come from schemas/. A rule that may be null holds where it is null.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime

import great_expectations.expectations as gxe
from great_expectations import ExpectationSuite
from great_expectations.expectations.expectation import Expectation

from expectations.contract import EARLIEST, LATEST_AFTER_ARRIVAL, contract
from expectations.custom_expectations import ExpectColumnsToBe, ExpectKeyToBeUnique, ExpectRowsToSatisfy
from expectations.gate import MissingSuite
from expectations.schemas import TABLES
from expectations.schemas.silver import PURPOSES

Expectations = list[Expectation]

FIRST_DAY = datetime.fromisoformat(EARLIEST).replace(tzinfo=UTC)
LARGEST = sys.float_info.max  # Spark orders infinity and NaN above it, so a maximum also refuses those two
OF_AN_ITEM = ("purchase", "product_view", "add_to_cart", "remove_from_cart", "add_to_wishlist", "rating")
SLOTS = ("again", "discover")
ROUNDING = "1e-6"  # sums of doubles added in another order differ in the last digits


def suite_for(name: str) -> ExpectationSuite:
    """The suite of table `name`, made anew. Raises MissingSuite where there is none."""
    if name not in SUITES:
        raise MissingSuite(f"gate {name}: no suite; tables with one are: {', '.join(SUITES)}")
    of_every_table: Expectations = [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        ExpectColumnsToBe(columns=list(TABLES[name].names)),
    ]
    return ExpectationSuite(name=name, expectations=[*of_every_table, *SUITES[name]()])


def bronze_catalog() -> Expectations:
    return [*_grain("landing", "product_id"), *_required("landed_at")]


def bronze_crm() -> Expectations:
    return [*_grain("landing", "household_id"), *_required("landed_at")]


def silver_events() -> Expectations:
    rules = contract()
    return [
        *_grain("event_id"),
        *_required("event_type", "schema_version", "occurred_at", "payload", "topic", "partition", "offset"),
        *_required("received_at", "event_date", "is_late", "event_hash"),
        _one_of("event_type", tuple(rules.payloads)),
        _least("schema_version", 1),
        *_since_2000("occurred_at"),
        *[_least(column, 0) for column in ("partition", "offset")],
        _row("user_id IS NOT NULL OR anonymous_id IS NOT NULL"),
        _row(f"occurred_at <= received_at + INTERVAL {LATEST_AFTER_ARRIVAL}"),
        _row("event_date = to_date(occurred_at)"),
    ]


def silver_interactions() -> Expectations:
    return [
        *_grain("event_id", "item_id"),
        *_required("event_type", "person_id", "occurred_at", "event_date"),
        _one_of("event_type", OF_AN_ITEM),
        *_since_2000("occurred_at"),
        *[_least(column, 0) for column in ("quantity", "amount", "discount")],
        _row("event_date = to_date(occurred_at)"),
        _row("event_type <> 'purchase' OR (order_id IS NOT NULL AND quantity IS NOT NULL AND amount IS NOT NULL)"),
    ]


def silver_catalog() -> Expectations:
    return _history_of("product_id")


def silver_crm() -> Expectations:
    return _history_of("household_id")


def silver_consents() -> Expectations:
    return [
        *_grain("event_id", "purpose"),
        *_required("person_id", "is_granted", "said_by", "valid_from", "recorded_at"),
        _one_of("purpose", PURPOSES),
        _one_of("said_by", ("person", "client")),
        *_since_2000("valid_from"),
        _row(f"valid_from <= recorded_at + INTERVAL {LATEST_AFTER_ARRIVAL}"),
        _row("said_by = 'person' OR (source IS NULL AND text_version IS NULL)"),
    ]


def silver_items() -> Expectations:
    return [*_grain("item_id"), *_required("name"), _row("trim(name) <> ''")]


def silver_people() -> Expectations:
    return [
        *_grain("person_id"),
        *_required("events"),
        _least("events", 0),
        *_since_2000("first_seen", "last_seen"),
        _row("first_seen <= last_seen"),
        _row("(events > 0) = (first_seen IS NOT NULL AND last_seen IS NOT NULL)"),
    ]


def gold_ratings() -> Expectations:
    return [
        *_grain("person_id", "item_id"),
        *_required("weight", "purchases", "last_at"),
        _above("weight", 0),
        _least("purchases", 0),
        *_since_2000("last_at"),
    ]


def gold_features() -> Expectations:
    amounts = ("recency_days", "spend", "mean_basket")
    counts = ("baskets", "lines", "items")
    return [
        *_grain("person_id"),
        *_required(*amounts, *counts, "discount_share", "departments"),
        *[_least(column, 0) for column in amounts],
        *[_least(column, 1) for column in counts],
        gxe.ExpectColumnValuesToBeBetween(column="discount_share", min_value=0, max_value=1),
        _row("baskets <= lines AND items <= lines"),
        _row(f"abs(mean_basket * baskets - spend) <= {ROUNDING} * (1 + spend)"),
        _row(f"forall(map_values(departments), share -> share >= 0 AND share <= 1 + {ROUNDING})"),
        _row(
            f"spend = 0 OR abs(aggregate(map_values(departments), 0D, (sum, share) -> sum + share) - 1) <= {ROUNDING}"
        ),
    ]


def gold_segments() -> Expectations:
    return [
        *_grain("person_id", "segment_id"),
        *_required("name", "distance", "model_version"),
        _least("distance", 0),
    ]


def gold_profiles() -> Expectations:
    return [
        *_grain("person_id"),
        *_required("events"),
        *[_least(column, 0) for column in ("events", "baskets", "spend", "recency_days")],
        *_since_2000("first_seen", "last_seen"),
        _row("first_seen <= last_seen"),
        _row("baskets <= events"),
        _row("(segment_id IS NULL) = (segment IS NULL)"),
    ]


def gold_person_factors() -> Expectations:
    return _factors_of("person_id")


def gold_item_factors() -> Expectations:
    return _factors_of("item_id")


def gold_recommendations() -> Expectations:
    return [
        *_grain("version", "person_id", "slot", "rank"),
        # An item is either new to the person or not: it stands in one slot only.
        ExpectKeyToBeUnique(key=["version", "person_id", "item_id"]),
        *_required("item_id", "score", "reason", "model"),
        _one_of("slot", SLOTS),
        _least("rank", 1),
        _finite("score"),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="version", max_value=1),
    ]


def gold_fallbacks() -> Expectations:
    return [
        *_grain("segment_id", "rank"),
        ExpectKeyToBeUnique(key=["segment_id", "item_id"]),
        *_required("item_id", "score"),
        _least("rank", 1),
        _finite("score"),
    ]


SUITES: dict[str, Callable[[], Expectations]] = {
    "bronze.catalog": bronze_catalog,
    "bronze.crm": bronze_crm,
    "silver.events": silver_events,
    "silver.interactions": silver_interactions,
    "silver.catalog": silver_catalog,
    "silver.crm": silver_crm,
    "silver.consents": silver_consents,
    "silver.items": silver_items,
    "silver.people": silver_people,
    "gold.ratings": gold_ratings,
    "gold.features": gold_features,
    "gold.segments": gold_segments,
    "gold.profiles": gold_profiles,
    "gold.person_factors": gold_person_factors,
    "gold.item_factors": gold_item_factors,
    "gold.recommendations": gold_recommendations,
    "gold.fallbacks": gold_fallbacks,
}


def _grain(*key: str) -> Expectations:
    return [ExpectKeyToBeUnique(key=list(key)), *_required(*key)]


def _required(*columns: str) -> Expectations:
    return [gxe.ExpectColumnValuesToNotBeNull(column=column) for column in columns]


def _history_of(key: str) -> Expectations:
    # Of two rows still valid both have no valid_to.
    one_now = ExpectKeyToBeUnique(key=[key, "valid_to"])
    return [*_grain(key, "valid_from"), one_now, _row("valid_from < valid_to")]


def _least(column: str, value: float) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=value, max_value=LARGEST)


def _above(column: str, value: float) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=value, strict_min=True, max_value=LARGEST)


def _finite(column: str) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=-LARGEST, max_value=LARGEST)


def _since_2000(*columns: str) -> Expectations:
    return [gxe.ExpectColumnValuesToBeBetween(column=column, min_value=FIRST_DAY) for column in columns]


def _one_of(column: str, values: tuple[str | int, ...]) -> Expectation:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values))


def _row(rule: str) -> Expectation:
    return ExpectRowsToSatisfy(rule=rule)


def _factors_of(owner: str) -> Expectations:
    finite = f"size(factors) > 0 AND forall(factors, x -> x IS NOT NULL AND abs(x) <= {LARGEST}D)"
    return [*_grain("run_id", owner), *_required("factors"), _row(finite)]

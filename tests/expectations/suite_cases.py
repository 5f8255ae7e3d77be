"""For every table with a suite: a good row, and one broken row for each reason that its suite knows."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

AT = datetime(2017, 3, 1, 10, 5, tzinfo=UTC)
LATER = datetime(2017, 3, 1, 11, 5, tzinfo=UTC)
BEFORE_2000 = datetime(1999, 12, 31, 23, 0, tzinfo=UTC)
DAY = date(2017, 3, 1)
INFINITE, NOT_A_NUMBER = float("inf"), float("nan")

BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
NOT_NULL = "expect_column_values_to_not_be_null"
RULE = "expect_rows_to_satisfy"
UNIQUE = "expect_key_to_be_unique"


@dataclass(frozen=True)
class Broken:
    """A change to the good row, and the expectations it breaks: (expectation, column or part of the rule)."""

    reason: str
    change: dict[str, Any]
    breaks: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Case:
    """`key`: columns that are made different in every row. `nothing`: columns that must not be null."""

    good: dict[str, Any]
    key: tuple[str, ...]
    nothing: tuple[str, ...]
    broken: tuple[Broken, ...] = field(default=())


def least(column: str, value: float, **change: Any) -> Broken:
    return Broken(f"{column} too small", {column: value, **change}, ((BETWEEN, column),))


def rule(reason: str, part: str, **change: Any) -> Broken:
    return Broken(reason, change, ((RULE, part),))


def not_finite(column: str, *breaks: tuple[str, str], **change: Any) -> tuple[Broken, ...]:
    return tuple(
        Broken(f"{column} is {value}", {column: value, **change}, ((BETWEEN, column), *breaks))
        for value in (INFINITE, NOT_A_NUMBER)
    )


def history_of(key: str) -> Case:
    return Case(
        {key: "900", "valid_from": AT},
        (key,),
        (),
        (rule("over before it began", "valid_to", valid_to=BEFORE_2000), rule("over at once", "valid_to", valid_to=AT)),
    )


CASES: dict[str, Case] = {
    "bronze.events": Case(
        {"topic": "events", "partition": 0, "offset": 7, "received_at": AT, "received_date": DAY},
        ("topic",),
        ("partition", "offset"),
        (
            least("partition", -1),
            least("offset", -1),
            rule("another day", "to_date", received_date=date(2017, 3, 2)),
            Broken("no arrival", {"received_at": None}, ((NOT_NULL, "received_at"),)),
            Broken("no day", {"received_date": None}, ((NOT_NULL, "received_date"),)),
        ),
    ),
    "quarantine.events": Case(
        {
            "topic": "events",
            "partition": 0,
            "offset": 7,
            "received_at": AT,
            "reasons": ["message: not JSON"],
            "contract_version": 1,
            "state": "open",
        },
        ("topic",),
        ("partition", "offset", "received_at", "contract_version", "state"),
        (
            Broken("unknown state", {"state": "opened"}, ((IN_SET, "state"),)),
            rule("no reason", "size(reasons)", reasons=[]),
            rule("an empty reason", "size(reasons)", reasons=["message: not JSON", None]),
            Broken("no reasons", {"reasons": None}, ((NOT_NULL, "reasons"),)),
        ),
    ),
    "ops.ledger": Case(
        {
            "topic": "events",
            "partition": 0,
            "first_offset": 7,
            "last_offset": 9,
            "received": 3,
            "kept": 1,
            "quarantined": 1,
            "duplicate": 1,
            "refused": 0,
            "batch": 0,
        },
        ("topic",),
        ("last_offset", "received", "kept", "quarantined", "duplicate", "refused"),
        (
            least("partition", -1),
            least("first_offset", -1),
            least("kept", -1, received=1),
            least("quarantined", -1, received=1),
            least("duplicate", -1, received=1),
            least("refused", -1, received=2),
            rule("one lost", "kept + quarantined", kept=0),
            rule("more than offsets", "BETWEEN 1", last_offset=8),
            Broken(
                "less than nothing",
                {"received": -1, "kept": -3},
                ((BETWEEN, "received"), (BETWEEN, "kept"), (RULE, "BETWEEN 1")),
            ),
        ),
    ),
    "quarantine.sources": Case(
        {
            "table_name": "bronze.crm",
            "landing": 1,
            "landed_at": AT,
            "place": "crm.csv",
            "reasons": ["row: unreadable"],
            "state": "open",
        },
        (),
        ("table_name", "landing", "landed_at", "place", "state"),
        (
            Broken("unknown state", {"state": "opened"}, ((IN_SET, "state"),)),
            rule("no reason", "size(reasons)", reasons=[]),
            rule("not encrypted", "sealed_by", unreadable=b"x"),
        ),
    ),
    "ops.landings": Case(
        {"table_name": "bronze.crm", "landing": 1, "landed_at": AT, "rows": 3, "mode": "full"},
        ("table_name",),
        ("landing", "landed_at", "rows"),
        (
            least("rows", -1),
            least("quarantined", -1),
            least("opened", -1),
            least("closed", -1),
            rule("unknown mode", "mode", mode="some"),
        ),
    ),
    "ops.daily_quality": Case(
        {
            "day": DAY,
            "event_type": "product_view",
            "measure": "null_share",
            "column_name": "price",
            "value": 0.5,
            "events": 10,
            "measured_at": AT,
        },
        ("event_type",),
        ("events", "measured_at"),
        (
            Broken("unknown measure", {"measure": "guess"}, ((IN_SET, "measure"),)),
            least("value", -0.1),
            least("events", -1),
            *not_finite("value", (RULE, "_share")),
            rule("more than all", "_share", value=1.1),
            Broken("no value", {"value": None}, ((NOT_NULL, "value"),)),
        ),
    ),
    "ops.alerts": Case(
        {
            "alert_id": "a",
            "day": DAY,
            "event_type": "product_view",
            "measure": "volume",
            "column_name": "*",
            "rule": "unusual",
            "value": 0.0,
            "expected": 10.0,
            "score": -9.0,
            "state": "unsent",
            "raised_at": AT,
        },
        ("alert_id",),
        ("day", "event_type", "measure", "column_name", "rule", "value", "expected", "score", "raised_at"),
        (
            Broken("unknown rule", {"rule": "guess"}, ((IN_SET, "rule"),)),
            Broken("unknown state", {"state": "lost"}, ((IN_SET, "state"),)),
            Broken("no state", {"state": None}, ((NOT_NULL, "state"),)),
            rule("sent, never told when", "sent_at", state="sent"),
            rule("not sent, told when", "sent_at", sent_at=AT),
            *not_finite("value"),
            *not_finite("expected"),
            *not_finite("score"),
        ),
    ),
    "bronze.catalog": Case({"product_id": "1095275", "landing": 1, "landed_at": AT}, ("product_id",), ("landed_at",)),
    "bronze.crm": Case({"household_id": "900", "landing": 1, "landed_at": AT}, ("household_id",), ("landed_at",)),
    "silver.events": Case(
        {
            "event_id": "e",
            "event_type": "product_view",
            "schema_version": 1,
            "occurred_at": AT,
            "user_id": "900",
            "payload": {"item_id": "819063"},
            "topic": "events",
            "partition": 0,
            "offset": 7,
            "received_at": AT,
            "event_date": DAY,
            "is_late": True,
            "event_hash": 7,
        },
        ("event_id",),
        ("event_type", "schema_version", "payload", "topic", "partition", "offset"),
        (
            Broken("unknown type", {"event_type": "sneeze"}, ((IN_SET, "event_type"),)),
            least("schema_version", 0),
            Broken(
                "before 2000",
                {"occurred_at": BEFORE_2000, "event_date": date(1999, 12, 31)},
                ((BETWEEN, "occurred_at"),),
            ),
            least("partition", -1),
            least("offset", -1),
            rule("nobody", "user_id IS NOT NULL", user_id=None),
            rule("an hour ahead of arrival", "received_at", occurred_at=LATER),
            rule("another day", "to_date", event_date=date(2017, 3, 2)),
            Broken("no arrival", {"received_at": None}, ((NOT_NULL, "received_at"),)),
            Broken("no time", {"occurred_at": None}, ((NOT_NULL, "occurred_at"),)),
            Broken("no day", {"event_date": None}, ((NOT_NULL, "event_date"),)),
            Broken("no hash", {"event_hash": None}, ((NOT_NULL, "event_hash"),)),
        ),
    ),
    "silver.interactions": Case(
        {
            "event_id": "e",
            "event_type": "purchase",
            "person_id": "900",
            "item_id": "i",
            "occurred_at": AT,
            "event_date": DAY,
            "quantity": 1.0,
            "amount": 0.5,
            "discount": 0.0,
            "order_id": "o",
            "store_id": "330",
        },
        ("event_id", "item_id"),
        ("event_type", "person_id"),
        (
            Broken("not about an item", {"event_type": "search"}, ((IN_SET, "event_type"),)),
            Broken(
                "before 2000",
                {"occurred_at": BEFORE_2000, "event_date": date(1999, 12, 31)},
                ((BETWEEN, "occurred_at"),),
            ),
            least("quantity", -1.0),
            least("amount", -0.01),
            least("discount", -0.01),
            *not_finite("amount"),
            rule("another day", "to_date", event_date=date(2017, 3, 2)),
            rule("a purchase of no order", "order_id", order_id=None),
            rule("a purchase of no quantity", "order_id", quantity=None),
            rule("a purchase of no amount", "order_id", amount=None),
            Broken("no time", {"occurred_at": None}, ((NOT_NULL, "occurred_at"),)),
            Broken("no day", {"event_date": None}, ((NOT_NULL, "event_date"),)),
        ),
    ),
    "silver.catalog": history_of("product_id"),
    "silver.crm": history_of("household_id"),
    "silver.consents": Case(
        {
            "person_id": "900",
            "purpose": "marketing",
            "is_granted": False,
            "said_by": "person",
            "valid_from": AT,
            "recorded_at": AT,
            "source": "banner",
            "text_version": "7",
            "event_id": "e",
        },
        ("event_id",),
        ("person_id", "is_granted", "recorded_at", "purpose", "said_by"),
        (
            Broken("unknown purpose", {"purpose": "resale"}, ((IN_SET, "purpose"),)),
            Broken("said by nobody", {"said_by": "shop", "source": None, "text_version": None}, ((IN_SET, "said_by"),)),
            Broken("before 2000", {"valid_from": BEFORE_2000}, ((BETWEEN, "valid_from"),)),
            Broken("no time", {"valid_from": None}, ((NOT_NULL, "valid_from"),)),
            rule("an hour ahead of arrival", "recorded_at", valid_from=LATER),
            rule("a copy that has a source", "text_version", said_by="client"),
        ),
    ),
    "silver.items": Case(
        {"item_id": "i", "name": "Ice, 22 lb"}, ("item_id",), ("name",), (rule("blank", "trim", name="  "),)
    ),
    "silver.people": Case(
        {"person_id": "900", "first_seen": AT, "last_seen": LATER, "events": 3},
        ("person_id",),
        (),
        (
            Broken("no count", {"events": None}, ((NOT_NULL, "events"),)),
            least("events", -1, first_seen=None, last_seen=None),
            Broken("first before 2000", {"first_seen": BEFORE_2000}, ((BETWEEN, "first_seen"),)),
            Broken(
                "all before 2000",
                {"first_seen": BEFORE_2000, "last_seen": BEFORE_2000},
                ((BETWEEN, "first_seen"), (BETWEEN, "last_seen")),
            ),
            rule("last before first", "<= last_seen", first_seen=LATER, last_seen=AT),
            rule("events never seen", "events > 0", first_seen=None),
            rule("seen without events", "events > 0", events=0),
        ),
    ),
    "gold.ratings": Case(
        {"person_id": "900", "item_id": "i", "weight": 0.5, "purchases": 1, "last_at": AT},
        ("person_id", "item_id"),
        ("weight", "purchases", "last_at"),
        (
            least("weight", 0.0),
            *not_finite("weight"),
            least("purchases", -1),
            Broken("before 2000", {"last_at": BEFORE_2000}, ((BETWEEN, "last_at"),)),
        ),
    ),
    "gold.features": Case(
        {
            "person_id": "900",
            "recency_days": 1.5,
            "baskets": 2.0,
            "lines": 3.0,
            "spend": 9.0,
            "mean_basket": 4.5,
            "items": 2.0,
            "discount_share": 0.1,
            "departments": {"GROCERY": 0.75, "DELI": 0.25},
        },
        ("person_id",),
        (
            "recency_days",
            "baskets",
            "lines",
            "spend",
            "mean_basket",
            "items",
            "discount_share",
            "departments",
        ),
        (
            least("recency_days", -0.1),
            least("baskets", 0.0, spend=0.0, mean_basket=0.0),
            least("items", 0.0),
            Broken("less than a line", {"lines": 0.0}, ((BETWEEN, "lines"), (RULE, "baskets <="))),
            Broken(
                "spends less than nothing",
                {"spend": -2.0, "mean_basket": -1.0},
                ((BETWEEN, "spend"), (BETWEEN, "mean_basket"), (RULE, "mean_basket")),
            ),
            *not_finite("recency_days"),
            least("discount_share", -0.1),
            Broken("all and more off", {"discount_share": 1.1}, ((BETWEEN, "discount_share"),)),
            rule("more items than lines", "items <=", items=4.0),
            rule("mean is not spend by baskets", "mean_basket", mean_basket=5.0),
            rule("shares make 0.9", "aggregate", departments={"GROCERY": 0.75, "DELI": 0.15}),
            rule("a share below 0", "forall", departments={"GROCERY": 1.25, "DELI": -0.25}),
        ),
    ),
    "gold.segments": Case(
        {"person_id": "900", "segment_id": "2", "name": "Big shops", "distance": 1.5, "model_version": "1"},
        ("person_id", "segment_id"),
        ("name", "distance", "model_version"),
        (least("distance", -0.1), *not_finite("distance")),
    ),
    "gold.profiles": Case(
        {
            "person_id": "900",
            "first_seen": AT,
            "last_seen": LATER,
            "events": 9,
            "baskets": 2,
            "spend": 9.0,
            "recency_days": 1.5,
            "segment_id": "2",
            "segment": "Big shops",
        },
        ("person_id",),
        ("events",),
        (
            least("events", -1, baskets=None),
            least("baskets", -1),
            least("spend", -0.01),
            least("recency_days", -0.01),
            Broken("before 2000", {"first_seen": BEFORE_2000}, ((BETWEEN, "first_seen"),)),
            Broken(
                "all before 2000",
                {"first_seen": BEFORE_2000, "last_seen": BEFORE_2000},
                ((BETWEEN, "first_seen"), (BETWEEN, "last_seen")),
            ),
            rule("last before first", "<= last_seen", first_seen=LATER, last_seen=AT),
            rule("more baskets than events", "baskets <=", baskets=10),
            rule("a segment without a name", "segment_id", segment=None),
        ),
    ),
    "gold.person_factors": Case(
        {"run_id": "r", "person_id": "900", "factors": [0.5, -0.5]},
        ("run_id", "person_id"),
        ("factors",),
        (
            rule("no factors", "size", factors=[]),
            rule("a hole", "size", factors=[0.5, None]),
            rule("not a number", "size", factors=[0.5, NOT_A_NUMBER]),
            rule("infinite", "size", factors=[-INFINITE, 0.5]),
        ),
    ),
    "gold.item_factors": Case(
        {"run_id": "r", "item_id": "i", "factors": [0.5]},
        ("run_id", "item_id"),
        ("factors",),
        (rule("not a number", "size", factors=[NOT_A_NUMBER]),),
    ),
    "gold.recommendations": Case(
        {
            "version": "v",
            "person_id": "900",
            "slot": "again",
            "rank": 1,
            "item_id": "i",
            "score": -0.5,
            "reason": "bought 3 times",
            "model": "als/1",
        },
        ("person_id", "item_id"),
        ("version", "slot", "rank", "item_id", "score", "reason", "model"),
        (
            Broken("no such slot", {"slot": "maybe"}, ((IN_SET, "slot"),)),
            least("rank", 0),
            *not_finite("score"),
            Broken(
                "another version",
                {"version": "w"},
                (("expect_column_unique_value_count_to_be_between", "version"),),
            ),
        ),
    ),
    "gold.fallbacks": Case(
        {"segment_id": "everyone", "rank": 1, "item_id": "i", "score": 3.0},
        ("segment_id", "item_id"),
        ("segment_id", "rank", "item_id", "score"),
        (least("rank", 0), *not_finite("score")),
    ),
}

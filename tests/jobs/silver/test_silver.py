"""silver.interactions, silver.items and silver.people on small tables."""

from datetime import datetime
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from expectations.source_contract import source_contract
from expectations.suites.silver import OF_AN_ITEM
from expectations.validation import with_validation
from jobs.landing.lines import OF_AN_ORDER, OF_ONE_ITEM
from jobs.silver.interactions import as_interactions
from jobs.silver.items import as_items
from jobs.silver.people import as_people
from tests.events import PAYLOADS, event, received


def test_one_row_per_event_and_item(spark: SparkSession) -> None:
    line = {"item_id": "1", "quantity": 1, "amount": 2.0, "discount": 0.5}
    messages = [
        event("purchase", event_id="two", payload={**PAYLOADS["purchase"], "store_id": "7"}),
        event("purchase", event_id="same", payload={"order_id": "2", "lines": [line, {**line, "quantity": 3}]}),
        event(
            "product_view",
            event_id="view",
            user_id=None,
            anonymous_id="a",
            context={"source": "derived"},
            payload={**PAYLOADS["product_view"], "quantity": -5, "store_id": "of another type"},
        ),
        event("search", event_id="search"),
        event("rating", event_id="rated"),
        event("consent", event_id="consent"),
    ]
    judged = (
        received(spark, messages)
        .transform(with_validation(committed_contract()))
        .select("event.*", F.lit(None).alias("event_date"))
    )
    rows = as_interactions(judged).orderBy("event_id", "item_id").collect()
    columns = ("event_id", "user_id", "anonymous_id", "item_id", "quantity", "amount", "stars")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("rated", "9", None, "5", None, None, 4.5),
        ("same", "9", None, "1", 4.0, 4.0, None),
        ("two", "9", None, "1", 1.0, 0.5, None),
        ("two", "9", None, "2", 0.25, 1.0, None),
        ("view", None, "a", "5", None, 1.5, None),
    ]
    assert [row["source"] for row in rows] == [None, None, None, None, "derived"]
    assert [row["store_id"] for row in rows] == [None, None, "7", "7", None]


def test_the_gate_knows_the_types_that_are_about_items() -> None:
    assert {*OF_AN_ORDER, *OF_ONE_ITEM} == {*OF_AN_ITEM}


def test_an_item_is_in_its_types_and_never_without_a_title(spark: SparkSession) -> None:
    columns = [*source_contract("catalog").columns]
    rows: list[dict[str, Any]] = [
        {"item_id": "1", "title": "Ice, 22 lb", "price": "2,5", "published_at": "2026-03-01", "group_id": "g"},
        {"item_id": "2", "brand": "Acme", "categories": "Shoes > Boots", "attributes": {"colour": "red"}},
        {"item_id": "3"},
    ]
    catalog = spark.createDataFrame(
        [tuple(row.get(name) for name in columns) for row in rows],
        ", ".join(f"{name} {type_}" for name, type_ in source_contract("catalog").columns.items()),
    )
    sold = spark.createDataFrame([("1",), ("9",), ("9",)], "item_id string")
    items = {row["item_id"]: row for row in as_items(catalog, sold).collect()}
    titles = {item: row["title"] for item, row in items.items()}
    assert titles == {"1": "Ice, 22 lb", "2": "Acme Boots", "3": "Item 3", "9": "Item 9"}
    assert (items["1"]["price"], items["1"]["published_at"]) == (2.5, datetime(2026, 3, 1))
    assert (items["2"]["categories"], items["2"]["attributes"]) == (["Shoes", "Boots"], {"colour": "red"})
    assert items["3"]["categories"] is None


def test_people_are_the_pairs_seen_and_the_customers_known(spark: SparkSession) -> None:
    seen = "user_id string, anonymous_id string, occurred_at timestamp"
    events = spark.createDataFrame([("9", "x", None), ("9", None, None), (None, "a", None)], seen)
    crm = spark.createDataFrame(
        [("9", {"age": "45-54"}, "2610", None), ("8", {"age": "65+"}, None, None)],
        "user_id string, attributes map<string, string>, postcode string, city string",
    )
    rows = as_people(events, crm).collect()
    people = {(row["user_id"], row["anonymous_id"]): (row["events"], row["attributes"]) for row in rows}
    assert people == {
        ("9", "x"): (1, {"age": "45-54", "postcode": "2610"}),
        ("9", None): (1, {"age": "45-54", "postcode": "2610"}),
        (None, "a"): (1, None),
        ("8", None): (0, {"age": "65+"}),
    }

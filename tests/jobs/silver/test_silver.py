"""silver.interactions, silver.items and silver.people on small tables."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from expectations.suites.silver import OF_AN_ITEM
from expectations.validation import with_validation
from jobs.silver.interactions import OF_ONE_ITEM, as_interactions
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
    assert {"purchase", *OF_ONE_ITEM} == {*OF_AN_ITEM}


def test_an_item_has_a_readable_name(spark: SparkSession) -> None:
    columns = "product_id, manufacturer_id, department, brand, product_category, product_type, package_size"
    rows = [
        ("1", "2", "GROCERY", "National", "FRZN ICE", "ICE - CRUSHED/CUBED", "22 LB"),
        ("2", "2", "MISCELLANEOUS", "Private", None, None, None),
        ("3", None, None, None, None, None, None),
    ]
    catalog = spark.createDataFrame(rows, columns.replace(",", " string,") + " string")
    sold = spark.createDataFrame([("1",), ("9",), ("9",)], "item_id string")
    names = {row["item_id"]: row["name"] for row in as_items(catalog, sold).collect()}
    assert names == {
        "1": "Ice - Crushed/cubed, 22 lb",
        "2": "Miscellaneous (own brand)",
        "3": "Item 3",
        "9": "Item 9",
    }


def test_people_are_the_pairs_seen_and_the_customers_known(spark: SparkSession) -> None:
    seen = "user_id string, anonymous_id string, occurred_at timestamp"
    events = spark.createDataFrame([("9", "x", None), ("9", None, None), (None, "a", None)], seen)
    crm = spark.createDataFrame([("9", "45-54"), ("8", "65+")], "household_id string, age string")
    rows = as_people(events, crm).collect()
    people = {(row["user_id"], row["anonymous_id"]): (row["events"], row["age"]) for row in rows}
    assert people == {
        ("9", "x"): (1, "45-54"), ("9", None): (1, "45-54"), (None, "a"): (1, None), ("8", None): (0, "65+")
    }  # fmt: skip

"""Each reason that a row of a source can be rejected for, and the rows that just pass."""

import json
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pyspark.sql import SparkSession

from expectations.source_contract import ATTRIBUTES, AttributeType, source_contract
from expectations.source_rules import with_reasons

LONG = "x" * 201
PRICE = "^[0-9]+([.][0-9]+|,[0-9]{1,2})?$"
RULES = source_contract("catalog")
TYPES: dict[str, AttributeType] = {"stock": "number", "vegan": "boolean", "since": "date", "colour": "text"}


def reasons(spark: SparkSession, *rows: dict[str, Any]) -> list[list[str]]:
    """The reasons of rows with these fields; `_unreadable` is the text of one that could not be parsed."""
    columns = {**RULES.columns, "_unreadable": "string", "number": "int"}
    whole = [
        tuple({"attributes": {}, **row, "number": at}.get(name) for name in columns) for at, row in enumerate(rows)
    ]
    frame = spark.createDataFrame(whole, ", ".join(f"{name} {type_}" for name, type_ in columns.items()))
    judged = frame.transform(with_reasons(RULES, TYPES)).orderBy("number")
    return [row["reasons"] for row in judged.select("reasons").collect()]


def test_every_reason_is_kept_and_good_rows_have_none(spark: SparkSession) -> None:
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"item_id": "900", "title": "Żółć, \"quoted\", 'single'", "description": "two\nlines\tand a tab"}, []),
        ({"item_id": "9" * 128, "title": "x" * 500, "price": "12.99", "currency": "EUR"}, []),
        ({"item_id": "0", "price": "7,5", "availability": "preorder", "published_at": "2026-03-01 10:15"}, []),
        ({"title": "no key"}, ["item_id: missing"]),
        ({"item_id": ""}, ["item_id: shorter than 1"]),
        ({"item_id": "9" * 129}, ["item_id: longer than 128"]),
        ({"item_id": " 901"}, ["item_id: blank, or blanks around it"]),
        ({"item_id": "  "}, ["item_id: blank, or blanks around it"]),
        ({"item_id": "2", "title": "4\x005"}, ["title: control characters, or not UTF-8"]),
        ({"item_id": "3", "title": "line\nbreak"}, ["title: control characters, or not UTF-8"]),
        ({"item_id": "4", "brand": "caf\ufffd"}, ["brand: control characters, or not UTF-8"]),
        ({"item_id": "5", "brand": LONG}, ["brand: longer than 200"]),
        ({"item_id": "6", "price": "1,299.00"}, [f"price: not of the form {PRICE}"]),
        ({"item_id": "7", "currency": "euro"}, ["currency: longer than 3"]),
        (
            {"item_id": "8", "availability": "soon"},
            ["availability: not one of in_stock, out_of_stock, preorder, backorder"],
        ),
        ({"item_id": "9", "published_at": "01.03.2026"}, ["published_at: no date"]),
        ({"item_id": "10", "published_at": "2026-02-30"}, ["published_at: no date"]),
        ({"item_id": "11", "attributes": {"stock": "7", "vegan": "yes", "since": "2026-03-01", "colour": "7"}}, []),
        ({"item_id": "12", "attributes": {"stock": "-1.5e3", "vegan": "FALSE", "since": "2026-03-01T10:15:00Z"}}, []),
        ({"item_id": "13", "attributes": {"stock": "seven"}}, ["attributes.stock: no number"]),
        ({"item_id": "14", "attributes": {"stock": "1e999"}}, ["attributes.stock: no number"]),
        (
            {"item_id": "15", "attributes": {"vegan": "maybe", "since": "March"}},
            ["attributes.vegan: no boolean", "attributes.since: no date"],
        ),
        ({"item_id": "16", "attributes": {"note": "\x07"}}, ["attributes: control characters, or not UTF-8"]),
        ({"item_id": "17", "attributes": {"note": "x" * 10_001}}, ["attributes: longer than 10000"]),
        (
            {"title": "x" * 501, "brand": LONG + "\x07"},
            [
                "item_id: missing",
                "title: longer than 500",
                "brand: longer than 200",
                "brand: control characters, or not UTF-8",
            ],
        ),
        ({"item_id": "18", "_unreadable": "9,45-54,too,many"}, ["row: unreadable"]),
    ]
    assert reasons(spark, *[row for row, _ in cases]) == [why for _, why in cases]


def test_of_rows_with_one_key_all_are_rejected_and_missing_keys_are_no_repetition(spark: SparkSession) -> None:
    repeated, missing = ["item_id: not unique in the source"], ["item_id: missing"]
    keys = ("1", "1", "2", None, None)
    assert reasons(spark, *[{"item_id": key} for key in keys]) == [repeated, repeated, [], missing, missing]


@pytest.mark.parametrize("name", ["catalog", "crm"])
def test_a_source_contract_is_a_schema_of_text_fields(name: str) -> None:
    """Values are made text when they are read: a rule on a number would never hold."""
    schema = json.loads((resources.files("expectations") / "sources" / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["required"] == [schema["x-key"]]
    kinds = {field: rule["type"] for field, rule in schema["properties"].items()}
    assert kinds.pop(schema["x-key"]) == "string" and set(map(str, kinds.values())) == {"['string', 'null']"}
    assert [*schema["properties"], ATTRIBUTES] == list(source_contract(name).columns)

"""A shop's own columns as the standard fields, as many shops write them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from expectations.source_contract import source_contract
from jobs.errors import OperatorError
from jobs.sources.source import Source
from jobs.sources.standard_fields import as_standard

SOURCE = Source("catalog", "feed.csv", "", False, "", ",", {}, {})
CATALOG = source_contract("catalog")


def fields(spark: SparkSession, row: dict[str, Any], source: Source = SOURCE, schema: str = "") -> dict[str, Any]:
    """The standard fields of one row that are not null, and the attributes."""
    names = ", ".join(f"`{name.replace('`', '``')}` string" for name in row)
    frame = spark.createDataFrame([tuple(row.values())], schema or names)
    made = frame.select(*[column.alias(name) for name, column in as_standard(frame, source, CATALOG).items()]).first()
    assert made is not None
    return {name: value for name, value in made.asDict().items() if value is not None}


@pytest.mark.parametrize(
    ("row", "columns", "expected"),
    [
        (
            {"item_id": "1", "title": "Boots", "colour": "red", "stock": "7", "note": "  "},
            {},
            {"item_id": "1", "title": "Boots", "attributes": {"colour": "red", "stock": "7"}},
        ),
        (
            {"Item no.": "1", "Name`s": "Boots", "Size": "42", "x.y": "z", "Cost": "9"},
            {"Item no.": ("item_id",), "Name`s": ("title",), "Size": ("title",), "Cost": ()},
            {"item_id": "1", "title": "Boots, 42", "attributes": {"x.y": "z"}},
        ),
        (
            {"id": "1", "title": "the shop's own", "name": "Boots"},
            {"id": ("item_id",), "name": ("title",)},
            {"item_id": "1", "title": "Boots", "attributes": {"title": "the shop's own"}},
        ),
        (
            {"item_id": "1", "a": "Shoes", "b": " Boots>Ankle ", "c": None},
            {"a": ("categories",), "b": ("categories", "brand"), "c": ("categories",)},
            {"item_id": "1", "categories": "Shoes > Boots > Ankle", "brand": " Boots>Ankle ", "attributes": {}},
        ),
        (
            {"item_id": "1", "categories": '["Shoes", "Boots & more"]'},
            {},
            {"item_id": "1", "categories": "Shoes > Boots & more", "attributes": {}},
        ),
        (
            {"item_id": "1", "sale_price": None, "price": "15.00 USD"},
            {"sale_price": ("price",), "price": ("price",)},
            {"item_id": "1", "price": "15.00", "currency": "USD", "attributes": {}},
        ),
        (
            {"item_id": "1", "price": "EUR 12,50", "currency": None},
            {},
            {"item_id": "1", "price": "12,50", "currency": "EUR", "attributes": {}},
        ),
        (
            {"item_id": "1", "price": "9", "currency": " eur "},
            {},
            {"item_id": "1", "price": "9", "currency": "EUR", "attributes": {}},
        ),
        (
            {"item_id": "1", "attributes": '{"colour": "red", "size": 42, "none": null}', "colour": "blue"},
            {},
            {"item_id": "1", "attributes": {"colour": "blue", "size": "42"}},
        ),
    ],
)
def test_columns_become_fields(
    spark: SparkSession, row: dict[str, Any], columns: dict[str, tuple[str, ...]], expected: dict[str, Any]
) -> None:
    assert fields(spark, row, replace(SOURCE, columns=columns)) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(text, "in_stock") for text in ("in stock", "In_Stock", "in-stock", "TRUE", "yes", "3", "0.5", "available")],
        *[(text, "out_of_stock") for text in ("out of stock", "OutOfStock", "false", "0", "-2", "sold out")],
        *[("pre-order", "preorder"), ("Preorder", "preorder"), ("back order", "backorder"), ("soon", "soon")],
    ],
)
def test_availability_is_one_of_four_or_left_for_the_contract_to_refuse(
    spark: SparkSession, text: str, code: str
) -> None:
    assert fields(spark, {"item_id": "1", "availability": text})["availability"] == code


def test_values_of_other_types_are_text(spark: SparkSession) -> None:
    schema = "item_id bigint, categories array<string>, price decimal(9,2), sizes array<string>, box struct<w: int>"
    row = {"id": 7, "c": ["Shoes", "Boots"], "p": None, "s": ["S", "M"], "x": {"w": 3}}
    made = fields(spark, {**row, "photo": b"\x00"}, SOURCE, f"{schema}, photo binary")
    assert made["item_id"] == "7" and made["categories"] == "Shoes > Boots"
    assert made["attributes"] == {"sizes": '["S","M"]', "box": json.dumps({"w": 3}, separators=(",", ":"))}


@pytest.mark.parametrize(
    ("row", "source", "message"),
    [
        ({"id": "1", "n": "x"}, {}, r'lacks the column item_id; its columns are: id, n; say which .* id = "item_id"'),
        ({"item_id;title": "1;x"}, {}, r"are they separated by ';'\? set sources\.catalog\.delimiter"),
        ({"item_id": "1"}, {"columns": {"name": ("titel",)}}, r"name cannot be titel; the fields are: item_id, title"),
        ({"item_id": "1"}, {"columns": {"Name": ("title",)}}, r"columns names Name, which feed\.csv lacks"),
        ({"item_id": "1", "size": "S"}, {"types": {"Size": "number"}}, r"types names Size, .*; those are: size"),
        ({f"c{number}": "" for number in range(12)}, {}, r"its columns are: c0, c1, .*, c7 and 4 more"),
    ],
)
def test_what_does_not_fit_is_named(
    spark: SparkSession, row: dict[str, Any], source: dict[str, Any], message: str
) -> None:
    with pytest.raises(OperatorError, match=message):
        fields(spark, row, replace(SOURCE, **source))


@pytest.mark.parametrize(
    ("row", "key", "why"),
    [
        ({"user_id": "900", "crm_id": "K-1"}, "900", "an account"),
        ({"user_id": None, "crm_id": "K-1"}, "crm_id:K-1", "a customer of the store"),
        ({"user_id": " ", "crm_id": "K-1"}, "crm_id:K-1", "the same, from a CSV"),
        ({"crm_id": "K-1"}, "crm_id:K-1", "a CRM that knows of no accounts"),
        ({"user_id": " ", "crm_id": None}, " ", "neither: for the contract to refuse"),
    ],
)
def test_a_customer_without_an_account_is_known_by_the_crm(
    spark: SparkSession, row: dict[str, str | None], key: str, why: str
) -> None:
    frame = spark.createDataFrame([tuple(row.values())], ", ".join(f"{name} string" for name in row))
    fields_of = as_standard(frame, replace(SOURCE, name="crm"), source_contract("crm"))
    made = frame.select(fields_of["user_id"].alias("key")).first()
    assert made is not None and made["key"] == key, why

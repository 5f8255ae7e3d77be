"""Each reason that a row of a source can be rejected for, and the rows that just pass."""

import json
from importlib import resources

import pytest
from jsonschema import Draft202012Validator
from pyspark.sql import SparkSession

from expectations.source_contract import source_contract
from expectations.source_rules import with_reasons

RULES = source_contract("crm")
LONG = "x" * 201


def reasons(spark: SparkSession, *rows: tuple[str | None, ...]) -> list[list[str]]:
    """The reasons of rows given by their first fields, in their order; of a row of one None and a text, unreadable."""
    names = [*RULES.names, "_unreadable", "number"]
    whole = [(*row, *[None] * (len(RULES.names) + 1 - len(row)), at) for at, row in enumerate(rows)]
    schema = ", ".join(f"{name} {'int' if name == 'number' else 'string'}" for name in names)
    judged = spark.createDataFrame(whole, schema).transform(with_reasons(RULES)).orderBy("number")
    return [row["reasons"] for row in judged.select("reasons").collect()]


def test_every_reason_is_kept_and_good_rows_have_none(spark: SparkSession) -> None:
    unreadable = (None,) * len(RULES.names) + ("9,45-54,too,many",)
    by_row = {
        ("900", "45-54", "35-49K", "Żółć, \"quoted\", 'single'"): [],
        ("9" * 128,): [],
        ("1", "x" * 200): [],
        (None, "45-54"): ["household_id: missing"],
        ("",): ["household_id: shorter than 1"],
        ("9" * 129,): ["household_id: longer than 128"],
        (" 901",): ["household_id: blank, or blanks around it"],
        ("  ",): ["household_id: blank, or blanks around it"],
        ("2", "4\x005"): ["age: control characters, or not UTF-8"],
        ("3", "line\nbreak"): ["age: control characters, or not UTF-8"],
        ("4", None, "caf\ufffd"): ["income: control characters, or not UTF-8"],
        ("5", LONG): ["age: longer than 200"],
        (None, LONG + "\x07", LONG): [
            "household_id: missing",
            "age: longer than 200",
            "age: control characters, or not UTF-8",
            "income: longer than 200",
        ],
        unreadable: ["row: unreadable"],
    }
    assert reasons(spark, *by_row) == list(by_row.values())


def test_of_rows_with_one_key_all_are_rejected_and_missing_keys_are_no_repetition(spark: SparkSession) -> None:
    repeated = ["household_id: not unique in the source"]
    assert reasons(spark, ("1", "a"), ("1", "a"), ("2",), (None,), (None,)) == [
        repeated,
        repeated,
        [],
        ["household_id: missing"],
        ["household_id: missing"],
    ]


@pytest.mark.parametrize("name", ["catalog", "crm"])
def test_a_source_contract_is_a_schema_of_text_fields(name: str) -> None:
    """Values are made text when they are read: a rule on a number would never hold."""
    schema = json.loads((resources.files("expectations") / "sources" / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["required"] == [schema["x-key"]]
    kinds = {field: rule["type"] for field, rule in schema["properties"].items()}
    assert kinds.pop(schema["x-key"]) == "string" and set(map(str, kinds.values())) == {"['string', 'null']"}
    assert list(schema["properties"]) == list(source_contract(name).columns)

"""Which changes of a contract its producers and readers can live with."""

import copy
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import expectations
from expectations.compatibility import breaking_changes
from expectations.contract import read
from expectations.schema_parsing import parsed
from jobs.commands.app import app

CONTRACTS = Path(expectations.__file__).parent / "contracts"
OLD: dict[str, Any] = {
    "type": "object",
    "required": ["item_id", "agent"],
    "properties": {
        "item_id": {"type": "string", "minLength": 1, "maxLength": 128},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 10},
        "stars": {"type": "number", "multipleOf": 0.5},
        "device": {"type": ["string", "null"], "enum": ["mobile", "desktop", None]},
        "agent": {"type": ["string", "null"]},
        "lines": {
            "type": "array",
            "maxItems": 3,
            "items": {"type": "object", "properties": {"sku": {"type": "string"}}},
        },
    },
}


def changed(change: Callable[[dict[str, Any]], object]) -> list[str]:
    new = copy.deepcopy(OLD)
    change(new)
    return breaking_changes(parsed(OLD, "old"), parsed(new, "new"))


def fields(schema: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = schema["properties"]
    return properties


def renamed(schema: dict[str, Any]) -> None:
    fields(schema)["product_id"] = {**fields(schema).pop("item_id"), "x-aliases": ["item_id"]}
    schema["required"] = ["product_id", "agent"]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: None,
        lambda s: fields(s).update(colour={"type": "string"}),
        lambda s: fields(s)["quantity"].update(type="number"),
        lambda s: fields(s)["quantity"].update(type=["integer", "null"], minimum=0),
        lambda s: fields(s)["item_id"].pop("maxLength"),
        lambda s: fields(s)["device"]["enum"].append("app"),
        lambda s: fields(s)["stars"].update(multipleOf=0.25),
        lambda s: fields(s)["lines"]["items"]["properties"].update(amount={"type": "number"}),
        lambda s: s.update(required=[]),
        lambda s: fields(s)["device"].update(type="string", enum=["mobile", "desktop"]),  # null: absent
        renamed,
    ],
)
def test_compatible(change: Callable[[dict[str, Any]], object]) -> None:
    assert changed(change) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: fields(s).pop("quantity"), "quantity: removed, and no field names it in x-aliases"),
        (lambda s: s["required"].append("quantity"), "quantity: now required"),
        (lambda s: fields(s)["stars"].update(type="integer"), "stars: number no longer allowed"),
        (lambda s: fields(s)["agent"].update(type="string"), "agent: null no longer allowed"),
        (lambda s: s.update(additionalProperties=False), "message: other fields no longer allowed"),
        (lambda s: fields(s)["item_id"].update(maxLength=64), "item_id: maxLength 128 became 64"),
        (lambda s: fields(s)["item_id"].update(pattern="^a"), "item_id: pattern changed"),
        (lambda s: fields(s)["quantity"].update(minimum=2), "quantity: minimum 1 became 2"),
        (lambda s: fields(s)["stars"].update(maximum=5), "stars: maximum none became 5"),
        (lambda s: fields(s)["stars"].update(multipleOf=1), "stars: multipleOf 0.5 became 1"),
        (lambda s: fields(s)["device"].update(enum=["mobile", None]), "device: desktop no longer allowed"),
        (lambda s: fields(s)["item_id"].update(enum=["5"]), "item_id: any other value no longer allowed"),
        (lambda s: fields(s)["lines"].update(maxItems=2), "lines: maxItems 3 became 2"),
        (
            lambda s: fields(s)["lines"]["items"]["properties"]["sku"].update(type="integer"),
            "lines[].sku: string no longer allowed",
        ),
        (lambda s: s.update(anyOf=[{"required": ["stars"]}]), "message: anyOf changed"),
    ],
)
def test_breaking(change: Callable[[dict[str, Any]], object], why: str) -> None:
    assert changed(change) == [why]


def test_an_integer_without_limits_cannot_become_a_number() -> None:
    """Its column is a bigint, and Delta widens that to nothing that holds a fraction."""
    old, new = ({"type": "object", "properties": {"results": {"type": kind}}} for kind in ("integer", "number"))
    changes = breaking_changes(parsed(old, "old"), parsed(new, "new"))
    assert changes == ["results: bigint cannot become double without a loss"]


def test_the_committed_versions_are_compatible() -> None:
    versions: dict[str, list[Path]] = {}
    for file in CONTRACTS.glob("*.json"):
        versions.setdefault(file.name.partition(".v")[0], []).append(file)
    assert {"add_to_cart", "search"} <= {name for name, files in versions.items() if len(files) > 1}
    for files in versions.values():
        ordered = sorted(files, key=lambda file: int(file.name.split(".v")[1].removesuffix(".json")))
        for old, new in pairwise(ordered):
            assert breaking_changes(read(old), read(new)) == [], new.name


def test_the_command_says_why_and_fails(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(OLD))
    fine = CliRunner().invoke(app, ["contract", "check", str(old), str(old)])
    assert (fine.exit_code, fine.output) == (0, "backward compatible\n")
    new.write_text(json.dumps({**OLD, "required": ["item_id", "agent", "stars"]}))
    result = CliRunner().invoke(app, ["contract", "check", str(old), str(new)])
    assert result.exit_code == 1 and "stars: now required" in result.output
    new.write_text("{nope")
    unreadable = CliRunner().invoke(app, ["contract", "check", str(old), str(new)])
    assert unreadable.exit_code == 1 and unreadable.output.startswith(f"error: {new} is not a JSON Schema")

"""The page of the contract: as the schemas say today, complete, and with examples that hold what the page says."""

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from typer.testing import CliRunner

import expectations
from expectations.contract import committed_contract
from expectations.contract_page import committed_schemas, contract_page, event_examples
from expectations.evolution import extended
from expectations.nodes import ContractError
from expectations.source_contract import source_contract
from expectations.source_rules import UNREADABLE, with_reasons
from expectations.validation import with_validation
from jobs.commands.app import app
from jobs.local import new_shop
from tests.events import received

PAGE = (Path(expectations.__file__).parent / "CONTRACT.md").read_text(encoding="utf-8")
PLACE = resources.files("expectations")
SCHEMAS = {file.name: json.loads(file.read_text()) for file in (PLACE / "contracts").iterdir()}
SOURCES = {name: json.loads((PLACE / "sources" / f"{name}.json").read_text()) for name in ("catalog", "crm")}
TITLES = {"envelope.v1.json": "Envelope", "catalog": "Catalogue", "crm": "CRM"}
EVENT_FILES = sorted(SCHEMAS.keys() - {"envelope.v1.json"})

Path_ = tuple[str | int, ...]


def title(file: str) -> str:
    event_type, _, version = file.removesuffix(".json").partition(".v")
    return TITLES.get(file, f"{event_type}, version {version}")


def section(page: str, heading: str) -> str:
    [text] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return str(text)


def example(file: str) -> Any:
    [block] = re.findall(r"```json\n(.*?)```", section(PAGE, title(file)), re.DOTALL)
    return json.loads(block)


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a JSON Schema by its path, with what the schema says of it."""
    for name, of_field in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        yield here, of_field
        yield from fields(of_field, here)
        yield from fields(of_field.get("items", {}), f"{here}[]")


def without_required(schema: dict[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    """The value again and again, each time without something required, and what that was."""
    alternatives = [one["required"][0] for one in schema.get("anyOf", [])]
    for names in [*[[name] for name in schema.get("required", [])], *([alternatives] if alternatives else [])]:
        yield " or ".join(names), {name: one for name, one in value.items() if name not in names}
    for name, of_field in schema.get("properties", {}).items():
        if isinstance(value.get(name), dict):
            for what, less in without_required(of_field, value[name]):
                yield f"{name}.{what}", {**value, name: less}
        elif isinstance(value.get(name), list):
            for what, less in without_required(of_field["items"], value[name][0]):
                yield f"{name}[].{what}", {**value, name: [less, *value[name][1:]]}


def spoilt_events() -> Iterator[tuple[str, dict[str, Any]]]:
    """The example of each file without something required, of the envelope or of the payload."""
    for file in EVENT_FILES:
        event = example(file)
        for what, less in without_required(SCHEMAS["envelope.v1.json"], event):
            yield f"{file}: {what}", less
        for what, payload in without_required(SCHEMAS[file], event["payload"]):
            yield f"{file}: payload.{what}", {**event, "payload": payload}


def is_valid(file: str, event: dict[str, Any]) -> bool:
    envelope = Draft202012Validator(SCHEMAS["envelope.v1.json"]).is_valid(event)
    return envelope and Draft202012Validator(SCHEMAS[file]).is_valid(event["payload"])


def test_the_committed_page_is_what_the_schemas_say() -> None:
    made = contract_page(committed_contract(), committed_schemas())
    assert made == PAGE, "make it again: lakehouse contract page --to expectations/CONTRACT.md"
    assert made.endswith(".\n") and not re.search(r"[ \t]$|\n\n\n", made, re.MULTILINE)


@pytest.mark.parametrize("file", [*SCHEMAS, *SOURCES])
def test_every_field_is_on_the_page_with_its_meaning(file: str) -> None:
    schema = {**SCHEMAS, **SOURCES}[file]
    part = section(PAGE, title(file))
    assert schema["description"] in part
    rows = {cells[0]: cells for line in part.splitlines() if (cells := re.split(r"(?<!\\)\|", line)[1:-1])}
    assert {len(cells) for cells in rows.values()} == {6}
    rows = {re.findall(r"`(.*?)`", name)[0]: cells for name, cells in rows.items() if "`" in name}
    expected = dict(fields(schema))
    assert rows.keys() == expected.keys()
    for path, of_field in expected.items():
        assert len(of_field["description"]) > 10 and of_field["description"] == rows[path][4].strip()
        assert all(f"formerly `{name}`" in rows[path][0] for name in of_field.get("x-aliases", ()))
        assert all(f"`{value}`" in rows[path][3] for value in of_field.get("enum", ()) if value is not None)
        assert rows[path][5].strip()


def test_a_version_says_what_changed() -> None:
    cart, search = section(PAGE, "add_to_cart, version 2"), section(PAGE, "search, version 2")
    assert "- `quantity` was: integer, 1 to 10,000; is now: number, 0.001 to 10,000\n" in cart
    assert "- `query` is called `text`\n- `sort` is new\n- `page_number` is new\n" in search
    assert "version before" not in section(PAGE, "search, version 1")


def test_links_lead_to_a_heading() -> None:
    headings = re.findall(r"^## (.*)", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#(.*?)\)", PAGE)
    assert len(links) == len(SCHEMAS) + len(SOURCES) and set(links) <= anchors


def test_examples_are_valid_and_need_what_is_required() -> None:
    """By jsonschema. The envelope's own example has every field that a client sends."""
    whole = example("envelope.v1.json")
    assert is_valid("product_view.v1.json", whole)
    left_out = {"context.ip_network", "context.source"}
    assert {path for path, _ in fields(SCHEMAS["envelope.v1.json"]) if not _values(whole, path)} == left_out
    for file in EVENT_FILES:
        event = example(file)
        assert f"{event['event_type']}.v{event['schema_version']}.json" == file
        assert is_valid(file, event)
        assert [path for path, _ in fields(SCHEMAS[file]) if not _values(event["payload"], path)] == []
    spoilt = list(spoilt_events())
    assert len(spoilt) > 120
    assert [what for what, event in spoilt if is_valid(what.partition(":")[0], event)] == []


def test_the_pipeline_judges_the_examples_alike(spark: SparkSession) -> None:
    good = [example(file) for file in ("envelope.v1.json", *EVENT_FILES)]
    spoilt = list(spoilt_events())
    arrival = F.lit(datetime(2026, 3, 2, tzinfo=UTC))
    messages = received(spark, [*good, *[event for _, event in spoilt]]).withColumn("received_at", arrival)
    judged = messages.transform(with_validation(committed_contract())).orderBy("offset").select("reasons", "extra")
    rows = judged.collect()
    assert [tuple(row) for row in rows[: len(good)]] == [([], None)] * len(good)
    assert [what for (what, _), row in zip(spoilt, rows[len(good) :], strict=True) if not row["reasons"]] == []


@pytest.mark.parametrize("name", SOURCES)
def test_the_pipeline_takes_the_example_of_a_source(spark: SparkSession, name: str) -> None:
    row, contract = example(name), source_contract(name)
    assert row.keys() == SOURCES[name]["properties"].keys()
    Draft202012Validator(SOURCES[name]).validate(row)
    keyless = {**row, contract.key: None}
    columns = {**contract.columns, UNREADABLE: "string"}
    rows = [tuple({"attributes": {}, **one}.get(column) for column in columns) for one in (row, keyless)]
    frame = spark.createDataFrame(rows, ", ".join(f"{column} {type_}" for column, type_ in columns.items()))
    judged = frame.transform(with_reasons(contract)).select(contract.key, "reasons").collect()
    assert {row[0]: row[1] for row in judged} == {row[contract.key]: [], None: [f"{contract.key}: missing"]}


def test_a_version_without_meanings_and_example_takes_those_before() -> None:
    schema = copy.deepcopy(SCHEMAS["search.v2.json"])
    schema["properties"]["words"] = {**schema["properties"].pop("text"), "x-aliases": ["text"]}
    schema["properties"]["filters"] = {"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 5}
    schema["required"] = ["words"]
    for said in (schema, *schema["properties"].values()):
        said.pop("description", None)
    del schema["examples"], schema["title"]
    contract, refused = extended(committed_contract(), {"search.v3.json": json.dumps(schema).encode()})
    assert refused == []
    page = contract_page(contract, {**SCHEMAS, "search.v3.json": schema})
    part = section(page, "search, version 3")
    assert SCHEMAS["search.v2.json"]["description"] in part
    assert "- `text` is called `words`\n- `filters` is new\n\n" in part
    assert "| `words`, formerly `text` | string | yes | 1 to 1,024 characters | What was typed. | free text |" in part
    each = "at most 5 items; each at most 9 characters"
    assert f"| `filters` | array of strings | no | {each} | not described | free text |" in part
    event = event_examples(contract, {**SCHEMAS, "search.v3.json": schema})[("search", 3)]
    assert event["payload"] == {"words": "oat milk", "results": 14, "sort": "price_up", "page_number": 1}


@pytest.mark.parametrize(
    ("examples", "why"),
    [
        ([{"query": ""}], "search.v1.json: examples: the first is not valid: $.query: '' should be non-empty"),
        ([], "search.v1.json: examples: missing; add one that is valid"),
    ],
)
def test_an_example_that_is_none_is_refused(examples: list[Any], why: str) -> None:
    schemas = {**SCHEMAS, "search.v1.json": {**SCHEMAS["search.v1.json"], "examples": examples}}
    with pytest.raises(ContractError) as caught:
        contract_page(committed_contract(), schemas)
    assert str(caught.value) == why


def test_the_command_prints_the_page_or_writes_it_with_the_shops_own_versions(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["contract", "page"])
    assert (printed.exit_code, printed.stdout) == (0, PAGE)
    new_shop.write(tmp_path, datetime(2026, 11, 27, tzinfo=UTC))
    page, env = tmp_path / "page.md", str(tmp_path / "shop.toml")
    written = CliRunner().invoke(app, ["contract", "page", "--to", str(page), "--env", env])
    assert (written.exit_code, written.stdout) == (0, f"wrote {page}\n")
    own = section(page.read_text(encoding="utf-8"), "product_view, version 2")
    assert "- `size` is new\n\n" in own and '"size": "42"' in own
    nowhere = CliRunner().invoke(app, ["contract", "page", "--to", str(tmp_path)])
    assert nowhere.exit_code == 1 and nowhere.output == f"error: cannot write to {tmp_path}: Is a directory\n"


def _values(value: Any, path: str) -> list[Any]:
    """What stands at a path, in each item of a list."""
    values = [value]
    for name in path.split("."):
        values = [one[name.removesuffix("[]")] for one in values if name.removesuffix("[]") in one]
        if name.endswith("[]"):
            values = [item for items in values for item in items]
    return values

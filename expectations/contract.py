"""The event contract, version by version: JSON Schemas, read once, and the Spark types they amount to.

The schemas in contracts/ are the normative form: envelope.v<n>.json, and <event_type>.v<n>.json for payloads.
"""

import functools
import importlib.resources
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

JSON_TYPES = {"string": "string", "integer": "bigint", "number": "double", "boolean": "boolean"}
EARLIEST = "2000-01-01"
LATEST_AFTER_ARRIVAL = "5 minutes"
MOST_BYTES = 256 << 10  # of a whole message


class ContractError(ValueError):
    """A contract cannot be read or used; the message says which and why."""


@dataclass(frozen=True)
class Contract:
    """One version of the contract: the envelope's schema and each event type's payload schema."""

    version: int
    envelope: Schema
    payloads: dict[str, Schema]


@functools.cache
def contract(version: int = 1) -> Contract:
    """The committed contract of that version. Raises FileNotFoundError when there is none."""
    folder = importlib.resources.files("expectations") / "contracts"
    ending = f".v{version}.json"
    schemas = {
        file.name.removesuffix(ending): json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(ending)
    }
    if "envelope" not in schemas:
        raise FileNotFoundError(f"expectations/contracts/envelope{ending}")
    return Contract(version, schemas.pop("envelope"), schemas)


def read(path: Path) -> Schema:
    """One schema from a file. Raises ContractError when there is none."""
    from jsonschema import Draft202012Validator, SchemaError  # type: ignore[import-untyped]  # a job reads no file

    try:
        schema: Schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
    except (OSError, ValueError, SchemaError) as error:
        raise ContractError(f"{path} is not a JSON Schema: {str(error).splitlines()[0]}") from None
    return schema


def payload_type(rules: Contract) -> str:
    """The struct that holds the payload of any event type: the union of their fields, each of one type."""
    return ddl(union(rules))


def union(rules: Contract) -> Schema:
    """A schema with every payload field of every event type. A field has one type, or number beside integer."""
    fields: dict[str, Schema] = {}
    for name, payload in rules.payloads.items():
        for field, schema in payload["properties"].items():
            known = fields.setdefault(field, schema)
            if ddl(known) != ddl(schema):
                raise ValueError(f"{name}.{field} is {ddl(schema)} here and {ddl(known)} in another event type")
    return {"type": "object", "properties": fields}


def names(schema: Schema) -> set[str]:
    """The names of all fields below a schema, however deep."""
    found = set(schema.get("properties", {}))
    return found.union(*[names(inner.get("items", inner)) for inner in schema.get("properties", {}).values()])


def types_of(schema: Schema) -> list[str]:
    types = schema["type"]
    return [types] if isinstance(types, str) else list(types)


def ddl(schema: Schema) -> str:
    kind = types_of(schema)[0]
    if kind == "array":
        return f"array<{ddl(schema['items'])}>"
    if kind == "object" and "properties" not in schema:
        return "map<string, string>"
    if kind == "object":
        return "struct<" + ", ".join(f"`{name}`: {ddl(inner)}" for name, inner in schema["properties"].items()) + ">"
    return JSON_TYPES[kind]

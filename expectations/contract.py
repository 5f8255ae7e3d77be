"""The event contract: JSON Schemas by event type and version, read once, and the Spark types they amount to.

The schemas in contracts/ are the normative form: envelope.v1.json, and <event_type>.v<n>.json for payloads. Versions
lie beside one another: a message is judged by the one it names, and lands in columns that all of them share.
"""

import functools
import hashlib
import importlib.resources
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

Schema = dict[str, Any]

JSON_TYPES = {"string": "string", "integer": "bigint", "number": "double", "boolean": "boolean"}
INT = 2**31
# What Delta can widen a column to without a rewrite, of the types that a contract amounts to.
WIDER = {"int": {"bigint", "double"}}
EARLIEST = "2000-01-01"
LATEST_AFTER_ARRIVAL = "5 minutes"
MOST_BYTES = 256 << 10  # of a whole message
FILE_NAME = re.compile(r"([a-z][a-z_]*)\.v([1-9][0-9]*)\.json")


class ContractError(ValueError):
    """A contract cannot be read or used; the message says which and why."""


class Kind(NamedTuple):
    """One version of one event type."""

    event_type: str
    version: int
    payload: Schema


@dataclass(frozen=True, eq=False)
class Contract:
    """The envelope's schema, and every payload's by event type and version. Equal to itself alone."""

    envelope: Schema
    payloads: Mapping[str, Mapping[int, Schema]]

    @property
    def kinds(self) -> list[Kind]:
        """Every version of every event type, in order."""
        return [Kind(name, at, of[at]) for name, of in sorted(self.payloads.items()) for at in sorted(of)]

    @property
    def version(self) -> int:
        """The newest version that any event type has."""
        return max(kind.version for kind in self.kinds)

    @property
    def digest(self) -> str:
        """The same for contracts that say the same."""
        said = json.dumps([self.envelope, self.kinds], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def column(self, kind: Kind, field: str) -> str:
        """The column that a payload field lands in: the first name it had. What lies in the lake keeps its name."""
        former = [version for version in self.payloads[kind.event_type] if version < kind.version]
        if not former:
            return field
        before = Kind(kind.event_type, max(former), self.payloads[kind.event_type][max(former)])
        names = [field, *kind.payload["properties"][field].get("x-aliases", [])]
        known = [name for name in names if name in before.payload["properties"]]
        return self.column(before, known[0]) if known else field

    def with_payload(self, kind: Kind) -> "Contract":
        """The contract with one more version. Raises ContractError where its fields do not fit those there are."""
        of_type = {**self.payloads.get(kind.event_type, {}), kind.version: kind.payload}
        grown = replace(self, payloads={**self.payloads, kind.event_type: of_type})
        columns = [grown.column(kind, field) for field in kind.payload["properties"]]
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise ContractError(
                f"{kind.event_type}, version {kind.version}: two fields share column {', '.join(twice)}"
            )
        fields(grown), columns_of(grown)
        return grown


@functools.cache
def contract() -> Contract:
    """The committed contract."""
    folder = importlib.resources.files("expectations") / "contracts"
    schemas = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in folder.iterdir()}
    rules = Contract(schemas.pop("envelope.v1.json"), {})
    for kind in sorted(kind_of(name, schema) for name, schema in schemas.items()):
        rules = rules.with_payload(kind)
    return rules


def kind_of(file_name: str, schema: Schema) -> Kind:
    """What a schema is of, by its file's name. Raises ContractError for a name of another form."""
    named = FILE_NAME.fullmatch(file_name)
    if named is None or named[1] == "envelope":
        raise ContractError(f"{file_name} is not named <event_type>.v<version>.json")
    return Kind(named[1], int(named[2]), schema)


def read(path: Path) -> Schema:
    """One schema from a file. Raises ContractError when there is none."""
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ContractError(f"{path} is not a JSON Schema: {str(error).splitlines()[0]}") from None
    return checked(schema, str(path))


def checked(schema: Any, where: str) -> Schema:
    """The schema, if it is one. Raises ContractError else."""
    from jsonschema import Draft202012Validator, SchemaError  # type: ignore[import-untyped]  # most jobs read no file

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ContractError(f"{where} is not a JSON Schema: {str(error).splitlines()[0]}") from None
    if not isinstance(schema, dict):
        raise ContractError(f"{where} is not a JSON Schema of an object")
    return schema


def fields(rules: Contract) -> dict[str, Schema]:
    """Every payload field by the name it has in messages, in a schema wide enough for all that have it."""
    found: dict[str, Schema] = {}
    for kind in rules.kinds:
        for name, schema in kind.payload["properties"].items():
            found[name] = _wide_enough(found.get(name, schema), schema, f"{kind.event_type}.{name}")
    return found


def columns_of(rules: Contract) -> dict[str, Schema]:
    """Every payload field by the column it lands in."""
    found: dict[str, Schema] = {}
    for kind in rules.kinds:
        for name, schema in kind.payload["properties"].items():
            column = rules.column(kind, name)
            found[column] = _wide_enough(found.get(column, schema), schema, f"{kind.event_type}.{name}")
    return found


def payload_type(rules: Contract) -> str:
    """The struct that holds the payload of any event type."""
    return ddl({"type": "object", "properties": columns_of(rules)})


def _wide_enough(one: Schema, other: Schema, where: str) -> Schema:
    """A schema whose Spark type holds the values of both. Raises ContractError when there is none."""
    if "properties" in one and "properties" in other:
        inner = dict(one["properties"])
        for name, schema in other["properties"].items():
            inner[name] = _wide_enough(inner.get(name, schema), schema, f"{where}.{name}")
        return {"type": "object", "properties": inner}
    if "items" in one and "items" in other:
        return {"type": "array", "items": _wide_enough(one["items"], other["items"], f"{where}[]")}
    if ddl(one) == ddl(other) or ddl(one) in WIDER.get(ddl(other), ()):
        return one
    if ddl(other) in WIDER.get(ddl(one), ()):
        return other
    raise ContractError(f"{where} is {ddl(other)} here and {ddl(one)} in another event type or version")


def names(schema: Schema) -> set[str]:
    """The names of all fields below a schema, however deep."""
    found = set(schema.get("properties", {}))
    return found.union(*[names(inner.get("items", inner)) for inner in schema.get("properties", {}).values()])


def types_of(schema: Schema) -> list[str]:
    types = schema["type"]
    return [types] if isinstance(types, str) else list(types)


def ddl(schema: Schema) -> str:
    """The Spark type of a column for valid values. An integer is an int where its limits say so: it can be widened."""
    return _ddl(schema, "int")


def parsed_ddl(schema: Schema) -> str:
    """The Spark type to parse messages to: one that holds what is beyond the limits too, so that it can be judged."""
    return _ddl(schema, "bigint")


def _ddl(schema: Schema, small: str) -> str:
    kind = types_of(schema)[0]
    if kind == "array":
        return f"array<{_ddl(schema['items'], small)}>"
    if kind == "object" and "properties" not in schema:
        return "map<string, string>"
    if kind == "object":
        inner = [f"`{name}`: {_ddl(field, small)}" for name, field in schema["properties"].items()]
        return f"struct<{', '.join(inner)}>"
    is_small = schema.get("minimum", -math.inf) >= -INT and schema.get("maximum", math.inf) < INT
    return small if kind == "integer" and is_small else JSON_TYPES[kind]

"""The contract of each batch source: sources/<name>.json, in the language of the event contract, and its columns.

Every field is text: a source's own types are made text when it is read. Whatever else a source has are attributes,
by the names that the shop gave them.
"""

import functools
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from expectations.nodes import Field
from expectations.schema_parsing import parsed

ATTRIBUTES = "attributes"
ENCODINGS = "encodings"
AttributeType = Literal["text", "number", "boolean", "date"]
"""What a text must be; `date`: a date, or a date and time, ISO 8601."""


@dataclass(frozen=True)
class SourceContract:
    """`key`: the field that names a row. `fields`: the standard ones, in the order of the tables. `types`: field ->
    what its text must be. `with_lines`: fields that may hold line breaks. `impersonal`: fields that name nobody.
    `key_else`: the field that names a row without a key, as `crm_id:K-17`, or empty. `encodings`: field -> the kind of
    encoding (jobs/privacy/keyed_encodings.py) by which rows are compared."""

    key: str
    fields: tuple[Field, ...]
    types: Mapping[str, AttributeType]
    with_lines: tuple[str, ...]
    impersonal: tuple[str, ...]
    key_else: str
    encodings: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The standard fields."""
        return tuple(field.name for field in self.fields)

    @property
    def columns(self) -> dict[str, str]:
        """The fields, and the attributes, as columns of a table."""
        return {**dict.fromkeys(self.names, "string"), ATTRIBUTES: "map<string, string>"}

    @property
    def kept(self) -> dict[str, str]:
        """The columns that are kept of a row: its own, and `encodings` where it has such."""
        return {**self.columns, **({ENCODINGS: "map<string, string>"} if self.encodings else {})}


@functools.cache
def source_contract(name: str) -> SourceContract:
    """The contract of source `name`: catalog or crm. Raises FileNotFoundError when there is none."""
    file = importlib.resources.files("expectations") / "sources" / f"{name}.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    properties = schema["properties"]
    return SourceContract(
        schema["x-key"],
        parsed(schema, file.name).fields,
        {name: one["x-type"] for name, one in properties.items() if "x-type" in one},
        tuple(name for name, one in properties.items() if one.get("x-lines")),
        tuple(name for name, one in properties.items() if one.get("x-impersonal")),
        schema.get("x-key-else", ""),
        {name: one["x-encoding"] for name, one in properties.items() if "x-encoding" in one},
    )

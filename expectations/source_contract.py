"""The contract of each batch source: sources/<name>.json, in the language of the event contract, and its columns.

Every field is text: a source's own types are made text when it is read.
"""

import functools
import importlib.resources
import json
from dataclasses import dataclass

from expectations.contract import Schema


@dataclass(frozen=True)
class SourceContract:
    """`key`: the field that names a row. `fields`: the JSON Schema of each field, in the order of the tables."""

    key: str
    fields: dict[str, Schema]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.fields)

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that a source must have, if only empty; the others are null where it lacks them."""
        return tuple(name for name, schema in self.fields.items() if not schema.get("x-optional"))

    @property
    def columns(self) -> dict[str, str]:
        """The fields as columns of a table."""
        return dict.fromkeys(self.fields, "string")


@functools.cache
def source_contract(name: str) -> SourceContract:
    """The contract of source `name`: catalog or crm. Raises FileNotFoundError when there is none."""
    file = importlib.resources.files("expectations") / "sources" / f"{name}.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    return SourceContract(schema["x-key"], schema["properties"])

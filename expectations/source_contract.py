"""The contract of each batch source: sources/<name>.json, in the language of the event contract, and its columns.

Every field is text: a source's own types are made text when it is read.
"""

import functools
import importlib.resources
import json
from dataclasses import dataclass

from expectations.nodes import Field
from expectations.schema_parsing import parsed


@dataclass(frozen=True)
class SourceContract:
    """`key`: the field that names a row. `fields`: in the order of the tables."""

    key: str
    fields: tuple[Field, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that a source must have, if only empty; the others are null where it lacks them."""
        return tuple(field.name for field in self.fields if not field.may_lack)

    @property
    def columns(self) -> dict[str, str]:
        """The fields as columns of a table."""
        return dict.fromkeys(self.names, "string")


@functools.cache
def source_contract(name: str) -> SourceContract:
    """The contract of source `name`: catalog or crm. Raises FileNotFoundError when there is none."""
    file = importlib.resources.files("expectations") / "sources" / f"{name}.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    return SourceContract(schema["x-key"], parsed(schema, file.name).fields)

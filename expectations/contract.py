"""The event contract: JSON Schemas by event type and version, read once.

The schemas in contracts/ are the normative form: envelope.v1.json, and <event_type>.v<n>.json for payloads. Versions
lie beside one another: a message is judged by the one it names, and lands in columns that all of them share.
"""

import functools
import hashlib
import importlib.resources
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import types as T

from expectations.nodes import ContractError, Field, Object, is_id
from expectations.schema_parsing import loads, parsed
from expectations.spark_types import column_type, ddl, merged, struct

EARLIEST = "2000-01-01"
LATEST_AFTER_ARRIVAL = "5 minutes"
MOST_BYTES = 256 << 10  # of a whole message, as it came
PURPOSES = ("analytics", "personalisation", "marketing")
"""What a person can allow, one by one."""
FILE_NAME = re.compile(r"([a-z][a-z_]*)\.v([1-9][0-9]*)\.json")


class EventVersion(NamedTuple):
    """One version of one event type, and what its payload must be."""

    event_type: str
    version: int
    payload: Object


@dataclass(frozen=True)
class Contract:
    """The envelope, and every version of every event type's payload, in order."""

    envelope: Object
    versions: tuple[EventVersion, ...] = ()

    @functools.cached_property
    def event_types(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.event_type for one in self.versions))

    @property
    def newest(self) -> int:
        """The newest version that any event type has."""
        return max(one.version for one in self.versions)

    @functools.cached_property
    def digest(self) -> str:
        """The same for contracts that say the same."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    @functools.cached_property
    def ids(self) -> frozenset[str]:
        """The fields of the envelope that hold ids."""
        return frozenset(field.name for field in self.envelope.fields if is_id(field.node))

    @functools.cached_property
    def payload_ids(self) -> frozenset[str]:
        """The fields of payloads that hold ids: those of such a name in every event type."""
        return frozenset(field.name for one in self.versions for field in one.payload.fields if is_id(field.node))

    def of_type(self, event_type: str) -> dict[int, EventVersion]:
        """The versions of an event type by their numbers; empty where the type is none."""
        return {one.version: one for one in self.versions if one.event_type == event_type}

    @functools.cached_property
    def messages(self) -> Mapping[tuple[str, int], tuple[EventVersion, Object]]:
        """Each version by its event type and number, and what a whole message of it must be."""

        def message(version: EventVersion) -> Object:
            of = [replace(one, node=version.payload) if one.name == "payload" else one for one in self.envelope.fields]
            return replace(self.envelope, fields=tuple(of))

        return {(one.event_type, one.version): (one, message(one)) for one in self.versions}

    def column(self, version: EventVersion, field: Field) -> str:
        """The column that a payload field lands in: the first name it had. What lies in the lake keeps its name."""
        former = [number for number in self.of_type(version.event_type) if number < version.version]
        if not former:
            return field.name
        before = self.of_type(version.event_type)[max(former)]
        names = [name for name in (field.name, *field.aliases) if name in before.payload.names]
        return self.column(before, before.payload.field(names[0])) if names else field.name

    def with_version(self, version: EventVersion) -> "Contract":
        """The contract with one more version. Raises ContractError where its fields do not fit those there are."""
        extended = Contract(self.envelope, tuple(sorted((*self.versions, version), key=lambda one: one[:2])))
        columns = [extended.column(version, field) for field in version.payload.fields]
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise ContractError(
                f"{version.event_type}, version {version.version}: two fields share column {', '.join(twice)}"
            )
        extended.payload_fields(), extended.payload_columns()
        return extended

    def payload_fields(self) -> dict[str, T.DataType]:
        """Every payload field by the name it has in messages, in a type that holds all that have it."""
        return merged(
            (field.name, column_type(field.node), f"{one.event_type}.{field.name}")
            for one in self.versions
            for field in one.payload.fields
        )

    def payload_columns(self) -> dict[str, T.DataType]:
        """Every payload field by the column it lands in, in a type that holds the valid values of all versions."""
        return merged(
            (self.column(one, field), column_type(field.node), f"{one.event_type}.{field.name}")
            for one in self.versions
            for field in one.payload.fields
        )


@functools.cache
def committed_contract() -> Contract:
    folder = importlib.resources.files("expectations") / "contracts"
    schemas = {file.name: parsed(json.loads(file.read_text(encoding="utf-8")), file.name) for file in folder.iterdir()}
    contract = Contract(schemas.pop("envelope.v1.json"))
    for version in sorted((version_of(name, schema) for name, schema in schemas.items()), key=lambda one: one[:2]):
        contract = contract.with_version(version)
    return contract


def version_of(file_name: str, payload: Object) -> EventVersion:
    """What a schema is of, by its file's name. Raises ContractError for a name of another form."""
    match = FILE_NAME.fullmatch(file_name)
    if match is None or match[1] == "envelope":
        raise ContractError(f"{file_name} is not named <event_type>.v<version>.json")
    return EventVersion(match[1], int(match[2]), payload)


def read(path: Path) -> Object:
    """One schema from a file. Raises ContractError when there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ContractError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ContractError(f"{path} is not a JSON Schema: {str(error).splitlines()[0]}") from None
    return loads(text, str(path))


def payload_type(contract: Contract) -> str:
    """The struct that holds the payload of any event type, as Spark's SQL wants it."""
    return ddl(struct(contract.payload_columns()))

"""A contract's schemas as values: what may stand in a message, field by field.

They are parsed once, by expectations/schema_parsing.py; whoever compiles, compares or checks walks these.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

SCALARS = ("string", "integer", "number", "boolean")


class ContractError(ValueError):
    """A contract cannot be read or used; the message says which and why."""


@dataclass(frozen=True)
class Text:
    """A string. `pattern`: as in the schema (ECMA-262). `is_moment`: RFC 3339, a date and time with offset. `is_id`: it
    names a person, a device or an event; what a broken client sends in place of an id, such as `undefined`, is none."""

    values: tuple[str, ...] = ()
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    is_moment: bool = False
    is_id: bool = False


@dataclass(frozen=True)
class Number:
    """A number; `is_whole`: without a fraction, however it is written (1, 1.0, 1e0)."""

    is_whole: bool = False
    values: tuple[float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    multiple_of: float | None = None


@dataclass(frozen=True)
class Boolean:
    """true or false."""


@dataclass(frozen=True)
class Array:
    """A list of `items`, which are null where `may_be_null`."""

    items: "Node"
    may_be_null: bool = False
    min_items: int | None = None
    max_items: int | None = None


@dataclass(frozen=True)
class Map:
    """An object of free names. `types`: what its values may be, of SCALARS and null; empty: anything."""

    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Object:
    """An object of known fields. `any_of`: one of these at least. `is_closed`: other fields are an error."""

    fields: tuple["Field", ...]
    any_of: tuple[str, ...] = ()
    is_closed: bool = False

    def field(self, name: str) -> "Field":
        """Raises KeyError where there is none of that name."""
        return self.by_name[name]

    @functools.cached_property
    def by_name(self) -> Mapping[str, "Field"]:
        """The fields by their names."""
        return {field.name: field for field in self.fields}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)


Node = Text | Number | Boolean | Array | Map | Object


@dataclass(frozen=True)
class Field:
    """A field of an object. `may_be_null`: null is allowed, and means that the field is absent. `aliases`: the names it
    had before."""

    name: str
    node: Node
    is_required: bool = False
    may_be_null: bool = True
    aliases: tuple[str, ...] = ()


def is_id(node: Node) -> bool:
    """Whether it names a person, a device or an event."""
    return isinstance(node, Text) and node.is_id

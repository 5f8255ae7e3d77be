"""Schemas parsed into nodes: all that is supported, and what is refused by file, path and keyword."""

from typing import Any

import pytest

from expectations.nodes import Array, Boolean, ContractError, Field, Map, Node, Number, Object, Text
from expectations.schema_parsing import loads, parsed


def field(schema: Any, **of_the_object: Any) -> Field:
    """The only field of an object, parsed."""
    return parsed({"type": "object", "properties": {"a": schema}, **of_the_object}, "x.v1.json").field("a")


@pytest.mark.parametrize(
    ("schema", "node"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^a"}, Text((), 1, 5, "^a")),
        ({"type": ["null", "string"]}, Text()),
        ({"type": "string", "format": "date-time"}, Text(is_moment=True)),
        ({"type": "string", "x-id": True, "description": "whose"}, Text(is_id=True)),
        ({"enum": ["kg", "l", None]}, Text(("kg", "l"))),
        ({"enum": [1, 2]}, Number(True, (1, 2))),
        ({"enum": [1, 2.5]}, Number(False, (1, 2.5))),
        ({"type": "integer", "minimum": 1, "maximum": 9}, Number(True, (), 1, 9)),
        ({"type": "number", "multipleOf": 0.5}, Number(multiple_of=0.5)),
        ({"type": ["boolean", "null"]}, Boolean()),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 3}, Array(Text(), max_items=3)),
        ({"type": "array", "items": {"type": ["number", "null"]}}, Array(Number(), may_be_null=True)),
        ({"type": "array", "items": {"type": "array", "items": {"type": "string"}}}, Array(Array(Text()))),
        ({"type": "object"}, Map()),
        ({"type": "object", "additionalProperties": {"type": ["string", "null"]}}, Map(("string", "null"))),
        ({"properties": {"b": {"type": "string"}}}, Object((Field("b", Text()),))),
        (
            {"type": "object", "properties": {"b": {"type": "string"}}, "anyOf": [{"required": ["b"]}]},
            Object((Field("b", Text()),), ("b",)),
        ),
        (
            {"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": False},
            Object((Field("b", Text()),), is_closed=True),
        ),
    ],
)
def test_what_a_schema_is_parsed_to(schema: Any, node: Node) -> None:
    assert field(schema).node == node


def test_null_in_an_optional_field_is_always_allowed() -> None:
    assert field({"type": "string"}).may_be_null
    assert not field({"type": "string"}, required=["a"]).may_be_null
    assert field({"type": ["string", "null"]}, required=["a"]).may_be_null
    assert not field({"type": ["string", "null"], "enum": ["x"]}, required=["a"]).may_be_null


def test_a_field_knows_its_former_names() -> None:
    assert field({"type": "string", "x-aliases": ["b", "c"]}).aliases == ("b", "c")


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": ["string", "integer"]}, "a: type: string and integer at once"),
        ({"type": "null"}, "a: type: null at once"),
        ({}, "a: type: missing"),
        (True, "a: schema: true or false is no rule"),
        ({"enum": ["x", 1]}, "a: type: integer and string at once"),
        ({"enum": [{}]}, "a: enum: only of strings and numbers"),
        ({"type": "string", "enum": [1]}, "a: enum: has values that are no string"),
        ({"type": "boolean", "enum": [True]}, "a: enum: of a boolean"),
        ({"type": "string", "const": "x"}, "a: const: no rule is made of this"),
        ({"$ref": "#/$defs/x"}, "a: $ref: no rule is made of this"),
        ({"type": "object", "oneOf": [{"required": ["x"]}]}, "a: oneOf: no rule is made of this"),
        ({"type": "string", "minimum": 1}, "a: minimum: means nothing for a value of type string"),
        ({"type": "string", "format": "uri"}, "a: format: uri is not supported"),
        ({"type": "array"}, "a: items: missing"),
        ({"type": "array", "items": {"type": "string", "minItems": 1}}, "a[]: minItems: means nothing"),
        ({"type": "array", "items": {"properties": {"b": {"not": {}}}}}, "a[].b: not: no rule"),
        ({"type": "object", "properties": {}, "required": ["b"]}, "a: required: b is no field of properties"),
        (
            {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
            "a: additionalProperties: beside properties",
        ),
        ({"type": "object", "additionalProperties": {"type": "array"}}, "a.*: additionalProperties: array is not"),
        ({"type": "object", "properties": {}, "anyOf": [{"minProperties": 1}]}, "a: anyOf: only branches such as"),
        ({"type": "string", "pattern": "("}, "a: pattern: is no regular expression"),
    ],
)
def test_what_is_not_supported_is_named(schema: Any, why: str) -> None:
    with pytest.raises(ContractError) as caught:
        field(schema)
    assert str(caught.value).startswith(f"x.v1.json: {why}")


@pytest.mark.parametrize("text", ["{nope", '{"type": "nothing"}', "[]", '{"type": "string"}'])
def test_a_file_that_is_no_schema_of_an_object_is_named(text: str) -> None:
    with pytest.raises(ContractError, match=r"x\.json is not a JSON Schema"):
        loads(text, "x.json")

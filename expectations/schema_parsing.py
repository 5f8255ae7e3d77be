"""JSON Schemas parsed into nodes: the part of JSON Schema 2020-12 that contracts are written in.

Supported: one type besides null (for free names a list of scalar types), properties, required, items,
additionalProperties (true, false, or the types of free names), enum, the limits of strings, numbers and arrays, the
format date-time, anyOf that asks for one of several fields, x-aliases (the names a field had before) and x-id (it
holds an id). Whatever else a schema says would be taken and never enforced, so it is an error.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from expectations.nodes import SCALARS, Array, Boolean, ContractError, Field, Map, Node, Number, Object, Text

ANNOTATIONS = {"$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"}
OF_TYPE = {
    "string": {"minLength", "maxLength", "pattern", "format", "x-id"},
    "integer": {"minimum", "maximum", "multipleOf"},
    "number": {"minimum", "maximum", "multipleOf"},
    "boolean": set[str](),
    "array": {"items", "minItems", "maxItems"},
    "object": {"properties", "required", "additionalProperties", "anyOf"},
}
KEYWORDS = ANNOTATIONS.union(
    {"type", "enum", "x-aliases", "x-key", "x-type", "x-lines", "x-impersonal", "x-key-else", "x-encoding"},
    *OF_TYPE.values(),
)


@dataclass(frozen=True)
class _Place:
    """Where in a file a schema stands, for what is said of a mistake in it."""

    file: str
    path: str = ""

    def below(self, name: str) -> "_Place":
        return _Place(self.file, f"{self.path}.{name}".lstrip(".") if name != "[]" else f"{self.path}[]")

    def error(self, keyword: str, why: str) -> ContractError:
        return ContractError(f"{self.file}: {self.path or 'message'}: {keyword}: {why}")


def parsed(schema: Any, file: str) -> Object:
    """The schema of an object. Raises ContractError, naming file, path and keyword, for what is not supported."""
    node, _ = _node(schema, _Place(file))
    if not isinstance(node, Object):
        raise ContractError(f"{file} is not a JSON Schema of an object with properties")
    return node


def loads(text: str | bytes, file: str) -> Object:
    """The same from a file's text. Raises ContractError also where it is no JSON, or no JSON Schema at all."""
    try:
        schema = json.loads(text)
    except ValueError:
        raise ContractError(f"{file} is not a JSON Schema: not JSON") from None
    from jsonschema import Draft202012Validator, SchemaError  # type: ignore[import-untyped]  # most jobs read no file

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ContractError(f"{file} is not a JSON Schema: {str(error).splitlines()[0]}") from None
    return parsed(schema, file)


def _node(schema: Any, at: _Place) -> tuple[Node, bool]:
    """The node, and whether null is allowed in its place."""
    if not isinstance(schema, Mapping):
        raise at.error("schema", "true or false is no rule; say which type is meant")
    if strange := set(schema) - KEYWORDS:
        raise at.error(", ".join(sorted(strange)), "no rule is made of this, so it would not be enforced")
    types, may_be_null = _types(schema, at)
    if len(types) != 1:
        raise at.error("type", f"{' and '.join(types) or 'null'} at once; a column has one type")
    type_ = types[0]
    if misplaced := set().union(*OF_TYPE.values()) & set(schema) - OF_TYPE[type_]:
        raise at.error(", ".join(sorted(misplaced)), f"means nothing for a value of type {type_}")
    match type_:
        case "string":
            return _text(schema, at), may_be_null
        case "integer" | "number":
            return _number(schema, type_ == "integer", at), may_be_null
        case "boolean":
            if "enum" in schema:
                raise at.error("enum", "of a boolean is not supported")
            return Boolean(), may_be_null
        case "array":
            return _array(schema, at), may_be_null
    return _object(schema, at), may_be_null


def _types(schema: Mapping[str, Any], at: _Place) -> tuple[list[str], bool]:
    """The types besides null, and whether null is one; an enum without a type has that of its values."""
    values = schema.get("enum", [])
    if "type" in schema:
        types = [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
        allows_null = "null" in types and (None in values or not values)
    elif values:
        types, allows_null = sorted({_type_of(value, at) for value in values}), None in values
        if set(types) - {"null"} == {"integer", "number"}:
            types = ["number"]
    elif {"properties", "required", "anyOf"} & set(schema):
        types, allows_null = ["object"], False
    else:
        raise at.error("type", "missing; a column needs one")
    return [type_ for type_ in types if type_ != "null"], allows_null


def _type_of(value: Any, at: _Place) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
    raise at.error("enum", "only of strings and numbers is supported")


def _enum(schema: Mapping[str, Any], kind: type | tuple[type, ...], at: _Place) -> tuple[Any, ...]:
    values = [value for value in schema.get("enum", []) if value is not None]
    if any(isinstance(value, bool) or not isinstance(value, kind) for value in values):
        raise at.error("enum", f"has values that are no {schema.get('type', 'such type')}")
    return tuple(values)


def _text(schema: Mapping[str, Any], at: _Place) -> Text:
    if schema.get("format", "date-time") != "date-time":
        raise at.error("format", f"{schema['format']} is not supported; date-time is")
    pattern = schema.get("pattern")
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise at.error("pattern", f"is no regular expression: {error}") from None
    limits = (schema.get("minLength"), schema.get("maxLength"))
    return Text(_enum(schema, str, at), *limits, pattern, "format" in schema, bool(schema.get("x-id")))


def _number(schema: Mapping[str, Any], is_whole: bool, at: _Place) -> Number:
    limits = [schema.get(keyword) for keyword in ("minimum", "maximum", "multipleOf")]
    if any(limit is not None and not math.isfinite(limit) for limit in limits):
        raise at.error("minimum, maximum, multipleOf", "not a finite number")
    return Number(is_whole, _enum(schema, (int, float), at), *limits)


def _array(schema: Mapping[str, Any], at: _Place) -> Array:
    if "items" not in schema:
        raise at.error("items", "missing; a column needs the type of its items")
    items, may_be_null = _node(schema["items"], at.below("[]"))
    return Array(items, may_be_null, schema.get("minItems"), schema.get("maxItems"))


def _object(schema: Mapping[str, Any], at: _Place) -> Object | Map:
    if "enum" in schema:
        raise at.error("enum", "of an object is not supported")
    properties, others = schema.get("properties"), schema.get("additionalProperties", True)
    if properties is None and not {"required", "anyOf"} & set(schema):
        return Map(_free_types(others, at.below("*")))
    if isinstance(others, Mapping):
        raise at.error("additionalProperties", "beside properties only true or false is supported")
    required = schema.get("required", [])
    fields = tuple(_field(name, inner, name in required, at.below(name)) for name, inner in (properties or {}).items())
    names = {field.name for field in fields}
    any_of = tuple(_any_of(schema.get("anyOf", []), at))
    for keyword, listed in (("required", required), ("anyOf", any_of)):
        if unknown := sorted(set(listed) - names):
            raise at.error(keyword, f"{', '.join(unknown)} is no field of properties")
    return Object(fields, any_of, not others)


def _field(name: str, schema: Any, is_required: bool, at: _Place) -> Field:
    node, allows_null = _node(schema, at)
    aliases = tuple(schema.get("x-aliases", ()))
    return Field(name, node, is_required, allows_null or not is_required, aliases)


def _free_types(schema: Any, at: _Place) -> tuple[str, ...]:
    if schema is True:
        return ()
    if not isinstance(schema, Mapping) or set(schema) - ANNOTATIONS != {"type"}:
        raise at.error("additionalProperties", "of free names only a type, or a list of types, is supported")
    types = [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
    if strange := sorted(set(types) - {*SCALARS, "null"}):
        raise at.error("additionalProperties", f"{', '.join(strange)} is not supported as a value of free names")
    return tuple(types)


def _any_of(branches: Iterable[Any], at: _Place) -> Iterator[str]:
    for branch in branches:
        inner = branch.get("properties", {}) if isinstance(branch, Mapping) else {}
        match branch:
            case {"required": [str() as name], **rest} if set(rest) <= {"properties"} and set(inner) <= {name}:
                yield name
            case _:
                raise at.error("anyOf", 'only branches such as {"required": ["field"]} are supported')

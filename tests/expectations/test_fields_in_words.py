"""How a schema's fields read, and that what the words say is kept of personal data is what is kept."""

import json
import re
from importlib import resources
from typing import Any

import pytest

from expectations import fields_in_words as words
from expectations.contract import committed_contract
from expectations.fields_in_words import FieldInWords, changes_in_words, fields_in_words
from expectations.nodes import Field, Object, Text
from expectations.schema_parsing import parsed
from jobs.privacy.keys import Secrets
from jobs.privacy.message import Protection, safe
from jobs.privacy.tokens import TOKEN

PROTECTION = Protection(Secrets((b"1" * 32,), (b"k" * 32,)), "US")
PLANTED = "jo planted@example.org"
PLACE = resources.files("expectations")
FILES = [*(PLACE / "contracts").iterdir(), *(PLACE / "sources").iterdir()]


def in_words(properties: dict[str, Any], **of_the_object: Any) -> dict[str, FieldInWords]:
    schema = {"type": "object", "properties": properties, **of_the_object}
    return {field.path: field for field in fields_in_words(parsed(schema, "x.v1.json"), schema)}


@pytest.mark.parametrize(
    ("schema", "rule"),
    [
        ({"type": "string"}, "string"),
        ({"type": ["string", "null"], "minLength": 1}, "string, 1 or more characters"),
        ({"type": "string", "minLength": 2, "maxLength": 2}, "string, exactly 2 characters"),
        ({"type": "string", "maxLength": 1}, "string, at most 1 character"),
        ({"type": "string", "pattern": "^[A-Z]{3}$"}, "string, three capital letters (`^[A-Z]{3}$`)"),
        ({"type": "string", "pattern": "^x"}, "string, of the form `^x`"),
        ({"type": "string", "format": "date-time"}, "string, date and time with offset, RFC 3339"),
        ({"type": "string", "maxLength": 9, "x-id": True}, "string, at most 9 characters; no placeholder"),
        ({"type": "string", "x-type": "date", "x-lines": True}, "string, line breaks are allowed; a date, or date and"),
        ({"enum": ["kg", "l", None]}, "string, one of `kg`, `l`"),
        ({"enum": [1, 2]}, "integer, one of `1`, `2`"),
        ({"type": "integer", "minimum": 0}, "integer, 0 or more"),
        ({"type": "number", "minimum": 0.5, "maximum": 86400, "multipleOf": 0.5}, "number, 0.5 to 86,400; a multiple"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "object"}, "object, any fields"),
        (
            {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
            "object, any fields; each value str",
        ),
        ({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}, "array of arrays of numbers"),
        (
            {"type": "array", "items": {"type": ["string", "null"]}, "maxItems": 3},
            "array of strings, at most 3 items; i",
        ),
        (
            {"properties": {"b": {"type": "string"}}, "anyOf": [{"required": ["b"]}], "additionalProperties": False},
            "object, at least one of `b` must be given, and not null; no other fields",
        ),
    ],
)
def test_type_and_limits_in_words(schema: Any, rule: str) -> None:
    assert in_words({"a": schema})["a"].rule.startswith(rule)


def test_whether_a_field_is_required() -> None:
    string = {"type": "string"}
    fields = in_words(
        {"a": string, "b": {"type": ["string", "null"]}, "c": string, "d": string, "e": string},
        required=["a", "b", "e"],
        anyOf=[{"required": ["c"]}],
        **{"x-key": "e"},
    )
    said = {name: field.required for name, field in fields.items()}
    assert said == {"a": "yes", "b": "yes, may be null", "c": "at least one of these", "d": "no", "e": "yes, unique"}


def test_what_changed_below_a_renamed_list() -> None:
    item = {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string", "description": "which"}}}
    before = in_words({"lines": {"type": "array", "items": item}})
    new = {**item, "required": [], "properties": {"code": {"type": "string", "x-aliases": ["sku"]}}}
    schema = {"type": "object", "properties": {"items": {"type": "array", "items": new, "x-aliases": ["lines"]}}}
    fields = fields_in_words(parsed(schema, "x.v2.json"), schema, before)
    assert changes_in_words(fields, before) == [
        "`lines` is called `items`",
        "`lines[].sku` is called `items[].code`",
        "`items[].code` was required: yes; is now: no",
    ]
    assert fields[1].meaning == "which"


def test_every_committed_pattern_has_words_and_every_pseudonym_is_known() -> None:
    texts = [json.dumps(json.loads(file.read_text())) for file in FILES]
    patterns = {json.loads(one) for text in texts for one in re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', text)}
    assert patterns == words.PATTERNS.keys()
    contract = committed_contract()
    objects = [contract.envelope, *[one.payload for one in contract.versions]]
    ids = {field.name for one in objects for field in one.fields if isinstance(field.node, Text) and field.node.is_id}
    assert ids - {"event_id"} == set(words.PSEUDONYMS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_what_is_kept_is_what_the_words_say(file: Any) -> None:
    """An address planted in every text, and the message made safe as before it is written."""
    schema = json.loads(file.read_text())
    node = parsed(schema, file.name)
    field_words = {field.path: field.personal for field in fields_in_words(node, schema)}
    kept_whole = {path for path, personal in field_words.items() if personal == words.NOT_PERSONAL}
    message = planted(node)
    protected = safe(json.dumps(message).encode(), PROTECTION)
    assert protected is not None
    kept = dict(leaves(json.loads(protected)))
    assert {*field_words} - kept_whole - {*kept} <= {path for path, one in field_words.items() if one in OF_OBJECTS}
    for path, text in kept.items():
        match field_words.get(path, words.BY_NAME):
            case words.DIRECT:
                assert TOKEN.fullmatch(text), path
            case words.FREE_TEXT | words.BROWSER:
                assert text == "jo [email]", path
            case words.CODE | words.PSEUDONYM:
                assert TOKEN.fullmatch(text.removeprefix("jo <").removesuffix(">")), path
            case words.BY_NAME:
                assert PLANTED not in text, path


OF_OBJECTS = {words.BY_FIELD, words.BY_NAME}


def planted(node: Object) -> dict[str, Any]:
    return {field.name: _planted(field) for field in node.fields}


def _planted(field: Field) -> Any:
    match field.node:
        case Object() as inner:
            return planted(inner)
        case Text(values=()):
            return PLANTED
        case node if items := getattr(node, "items", None):
            return [planted(items)]
    return {"email": PLANTED, "note": PLANTED} if field.name in ("attributes", "payload") else None


def leaves(value: Any, path: str = "") -> Any:
    """Every text of a message by its path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    elif isinstance(value, str):
        yield path, value

"""A message judged value by value: every rule of the contract that it breaks, what the contract does not know, and
what is left.

What is left is the message as plain JSON of known fields alone, so that Spark's parser takes it as any other: whole
numbers written without a fraction, fields that are null left out, and so are ids that are none; half a character
replaced by U+FFFD. When it occurred is not judged here: that takes the time of arrival.
"""

import json
import re
from collections.abc import Collection, Mapping
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from expectations.contract import Contract
from expectations.json_numbers import exact, is_bigint, shortened
from expectations.limits import is_no_id, reasons_of
from expectations.nodes import Array, Boolean, Map, Node, Number, Object, Text

NOT_JSON = "message: not JSON"
NOT_AN_OBJECT = "message: not a JSON object"
SURROGATE = re.compile("[\ud800-\udfff]")
PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


class Judgement(NamedTuple):
    """`text`: what is left, as JSON; None where there is no object. `reasons`: every rule that the message breaks, as
    `field: what is wrong`, never a value: wrong types first. `extra`: fields that the contract does not know by their
    path, text as it is, else as JSON."""

    text: str | None
    reasons: list[str]
    extra: dict[str, str | None]


class Literal(str):
    """A JSON number as it was written."""


class _Notes(NamedTuple):
    """What a walk through a message collects."""

    wrong: list[str]
    extra: dict[str, str | None]


def judge(message: bytes, contract: Contract) -> Judgement:
    """Judges one message by the version that it names; by the envelope alone where that is none."""
    try:
        whole = _DECODER.decode(message.decode())
    except (ValueError, RecursionError):
        return Judgement(None, [NOT_JSON], {})
    if not isinstance(whole, dict):
        return Judgement(None, [NOT_AN_OBJECT], {})
    notes = _Notes([], {})
    version, form = contract.messages.get(_version(whole), (None, contract.envelope))
    kept = _object(notes, "", "", form, whole)
    named = {reason.partition(":")[0] for reason in notes.wrong}
    # A value of a wrong type was taken out: that it is missing now, or none of several, is no further reason.
    limits = [reason for reason in reasons_of(contract, version, kept) if reason.partition(":")[0] not in named]
    event = _without_no_ids(kept, contract.ids)
    if "payload" in event:
        event["payload"] = _without_no_ids(event["payload"], contract.payload_ids)
    return Judgement(_json(event), [*dict.fromkeys(notes.wrong), *limits], notes.extra)


def _version(message: Mapping[str, Any]) -> tuple[str, int]:
    """The event type and version that a message names; 0 where there is no such number."""
    event_type, number = message.get("event_type"), message.get("schema_version")
    if not isinstance(event_type, str) or not isinstance(number, Literal):
        return "", 0
    return event_type, _whole(number) or 0


def _without_no_ids(fields: Mapping[str, Any], ids: Collection[str]) -> dict[str, Any]:
    """The fields without the ids that a broken client sent in place of one."""
    return {
        name: value for name, value in fields.items() if not (name in ids and type(value) is str and is_no_id(value))
    }


# Below, `path` is that of reasons, where all items of a list are one; `place` that of `extra`, where each is its own.
# What a function returns is what is kept of the value; _NOTHING where that is of a wrong type.


def _object(notes: _Notes, path: str, place: str, node: Object, value: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, inner in value.items():
        field = node.by_name.get(name)
        if field is None:
            _unknown(notes, path, _below(place, name), node, inner)
        elif inner is not None or not field.may_be_null:
            checked = _value(notes, _below(path, name), _below(place, name), field.node, inner)
            if checked is not _NOTHING:
                kept[name] = checked
    return kept


def _unknown(notes: _Notes, path: str, place: str, node: Object, value: Any) -> None:
    if node.is_closed:
        notes.wrong.append(f"{path}: has a field that is none of {', '.join(node.names)}")
    whole = _unicode(value)
    notes.extra[_unicode(place)] = whole if type(whole) is str or whole is None else _json(whole)


def _value(notes: _Notes, path: str, place: str, node: Node, value: Any) -> Any:
    match node, value:
        case Number(is_whole=True), Literal():
            return _whole_number(notes, path, value)
        case Number(), Literal():
            return Literal(shortened(value))
        case Boolean(), bool():
            return value
        case Text(), str() if not isinstance(value, Literal):
            return _unicode(value)
        case Array(), list():
            return _array(notes, path, place, node, value)
        case Map(), dict():
            return _map(notes, path, node, value)
        case Object(), dict():
            return _object(notes, path, place, node, value)
    notes.wrong.append(f"{path}: {_type(value)} where {_expected(node)} is expected")
    return _NOTHING


def _whole_number(notes: _Notes, path: str, value: Literal) -> Any:
    number = _whole(value)
    if number is not None:
        return Literal(number)
    is_large = not is_bigint(exact(value))
    notes.wrong.append(f"{path}: {'too large for an integer' if is_large else 'number where integer is expected'}")
    return _NOTHING


def _array(notes: _Notes, path: str, place: str, node: Array, values: list[Any]) -> list[Any]:
    items = [
        None if value is None and node.may_be_null else _value(notes, f"{path}[]", f"{place}[{at}]", node.items, value)
        for at, value in enumerate(values)
    ]
    return [value for value in items if value is not _NOTHING]


def _map(notes: _Notes, path: str, node: Map, values: Mapping[str, Any]) -> dict[str, Any]:
    allowed = {*node.types, *(("integer",) if "number" in node.types else ())}
    for value in values.values():
        if node.types and _type(value) not in allowed:
            notes.wrong.append(f"{path}.*: {_type(value)} where {' or '.join(node.types)} is expected")
    return _unicode(
        {name: Literal(shortened(one)) if isinstance(one, Literal) else one for name, one in values.items()}
    )


def _whole(number: Literal) -> int | None:
    """The number, None where it has a fraction or is no bigint."""
    value = exact(number)
    return int(value) if is_bigint(value) and value == value.to_integral_value() else None


def _type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case Literal():
            return "number" if re.search("[.eE]", value) else "integer"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _expected(node: Node) -> str:
    match node:
        case Text():
            return "string"
        case Number():
            return "integer" if node.is_whole else "number"
        case Boolean():
            return "boolean"
        case Array():
            return "array"
    return "object"


def _below(path: str, name: str) -> str:
    """A path as JSONPath has it (RFC 9535), without its first dot."""
    if PLAIN_NAME.fullmatch(name):
        return f"{path}.{name}".lstrip(".")
    return f"{path}[{json.dumps(name, ensure_ascii=False)}]"


def _unicode(value: Any) -> Any:
    """The value without half characters, which no text can be written with."""
    match value:
        case Literal():
            return value
        case str():
            return SURROGATE.sub("\ufffd", value)
        case list():
            return [_unicode(inner) for inner in value]
        case dict():
            return {_unicode(name): _unicode(inner) for name, inner in value.items()}
    return value


def _json(value: Any) -> str:
    match value:
        case Literal():
            return value
        case str():
            return encode_basestring(value)
        case list():
            return f"[{','.join(map(_json, value))}]"
        case dict():
            return "{" + ",".join([f"{encode_basestring(name)}:{_json(inner)}" for name, inner in value.items()]) + "}"
    return json.dumps(value)


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_NOTHING = object()
_DECODER = json.JSONDecoder(parse_int=Literal, parse_float=Literal, parse_constant=_refused)

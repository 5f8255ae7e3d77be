"""The limits that a contract sets on values of the right types, and the reasons where they are broken."""

import functools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from expectations.contract import Contract, EventVersion
from expectations.nodes import Array, Field, Node, Number, Object, Text, is_id

_DAY = (
    r"(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    r"|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
)
_OFFSET = r"(?:[Zz]|[+-](?:(?:0\d|1[0-7]):[0-5]\d|18:00))"
MOMENT = rf"^{_DAY}[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?{_OFFSET}\Z"
"""A date and time with offset (RFC 3339, 5.6) that there is. Offsets are those that Java knows, up to 18 hours."""
NO_ID = r"\s*(?:undefined|null|nan|unknown|\[object object\]|[-{]*(?P<one>[^\s-])(?:-*(?P=one)){7,}[-}]*)\s*\Z"
"""What broken clients send in place of an id, one character eight times or more among it (a UUID of zeros)."""

_is_moment = re.compile(MOMENT, re.ASCII).match
_is_no_id = re.compile(NO_ID, re.ASCII | re.IGNORECASE).match


def is_no_id(text: str) -> bool:
    """Whether a broken client sent it in place of an id."""
    return _is_no_id(text) is not None


def reasons_of(contract: Contract, version: EventVersion | None, event: Mapping[str, Any]) -> Iterator[str]:
    """Every limit that an event breaks, as `field: what is wrong`: the envelope's, then those of the payload's version,
    where it is of one. Its values are of the right types, numbers as they were written; what is not there is absent."""
    envelope = contract.envelope
    for field in envelope.fields:
        yield from _reasons_of_field(field, event.get(field.name), "")
    if envelope.any_of and _has_none_of(envelope, event):
        yield f"{', '.join(envelope.any_of)}: both missing"
    event_type, number = event.get("event_type"), event.get("schema_version")
    if event_type is not None and event_type not in contract.event_types:
        yield "event_type: not a known type"
    elif event_type is not None and number is not None and version is None:
        yield "schema_version: not a known version of its event_type"
    if version is not None:
        yield from _reasons("payload", version.payload, event.get("payload"))


def reason_of(path: str, node: Node, value: Any, is_required: bool = False) -> str | None:
    """The first limit that one value breaks, not those of what lies below it; None: it breaks none, or is not there."""
    if value is None:
        return f"{path}: missing" if is_required else None
    match node:
        case Text():
            what = _wrong_with_text(node, value, is_required)
        case Number():
            what = _wrong_with_number(node, int(value) if node.is_whole else float(value))
        case Array(min_items=least, max_items=most):
            is_short, is_long = least is not None and len(value) < least, most is not None and len(value) > most
            what = f"fewer than {least}" if is_short else f"more than {most}" if is_long else None
        case Object(any_of=names) if names and _has_none_of(node, value):
            what = f"none of {', '.join(names)}"
        case _:
            what = None
    return None if what is None else f"{path}: {what}"


def _reasons_of_field(field: Field, value: Any, path: str) -> Iterator[str]:
    """`path`: of what it is a field of."""
    is_absent = value is None or (not field.is_required and _is_junk(field.node, value))
    if field.is_required or not is_absent:
        below = f"{path}.{field.name}" if path else field.name
        yield from _reasons(below, field.node, None if is_absent else value, field.is_required)


def _reasons(path: str, node: Node, value: Any, is_required: bool = False) -> Iterator[str]:
    reason = reason_of(path, node, value, is_required)
    if reason is not None:
        yield reason
    match node:
        case Object() if value is not None:
            for field in node.fields:
                yield from _reasons_of_field(field, value.get(field.name), path)
        case Array() if value is not None:
            # One reason of all items: of those that a rule is broken for, in different ways, the last by the alphabet.
            by_path: dict[str, str] = {}
            for item in value:
                for reason in _reasons(f"{path}[]", node.items, item):
                    below = reason.partition(":")[0]
                    by_path[below] = max(reason, by_path.get(below, ""))
            if by_path:
                yield from [by_path[below] for below in _paths(f"{path}[]", node.items) if below in by_path]


def _paths(path: str, node: Node) -> Iterator[str]:
    """Of a value and of each that lies below it, in the order of the contract."""
    yield path
    match node:
        case Object():
            for field in node.fields:
                yield from _paths(f"{path}.{field.name}", field.node)
        case Array():
            yield from _paths(f"{path}[]", node.items)


def _has_none_of(node: Object, fields: Mapping[str, Any]) -> bool:
    values = [(node.field(name).node, fields.get(name)) for name in node.any_of]
    return all(value is None or _is_junk(inner, value) for inner, value in values)


def _is_junk(node: Node, value: Any) -> bool:
    return is_id(node) and value is not None and is_no_id(value)


def _wrong_with_text(node: Text, text: str, is_required: bool) -> str | None:
    if node.is_moment and not _is_moment(text):
        return "not a date and time with offset"
    if node.is_id and is_required and is_no_id(text):
        return "no id"
    if node.values and text not in node.values:
        return "not one of " + ", ".join(node.values)
    if node.min_length is not None and len(text) < node.min_length:
        return f"shorter than {node.min_length}"
    if node.max_length is not None and len(text) > node.max_length:
        return f"longer than {node.max_length}"
    if node.pattern is not None and not _compiled(node.pattern).search(text):
        return "not of the form " + node.pattern
    return None


def _wrong_with_number(node: Number, number: float) -> str | None:
    if math.isinf(number):
        return "too large for a number"
    if node.values and number not in node.values:
        return "not one of " + ", ".join(map(str, node.values))
    if node.minimum is not None and number < node.minimum:
        return f"less than {node.minimum}"
    if node.maximum is not None and number > node.maximum:
        return f"more than {node.maximum}"
    if node.multiple_of is not None and math.fmod(number, node.multiple_of) != 0:
        return f"not a multiple of {node.multiple_of}"
    return None


def with_end(pattern: str, end: str) -> str:
    r"""A pattern of ECMA-262 for a matcher whose $ is also before a line break at the end: `end` is its own \Z."""
    return re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", lambda match: end if match[0] == "$" else match[0], pattern)


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(with_end(pattern, r"\Z"), re.ASCII)

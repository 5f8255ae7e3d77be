"""The fields of a schema as people read them: type, limits and meaning in words, and what is kept of personal data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expectations.identifiers import is_agent, is_coded, kind_of
from expectations.nodes import Array, Boolean, Field, Map, Node, Number, Object, Text

NOT_DESCRIBED = "not described"
PATTERNS = {
    r"^[A-Za-z0-9._:-]+$": "letters A to Z, digits, `.`, `_`, `:` and `-`",
    r"^[A-Z]{2}$": "two capital letters",
    r"^[A-Z]{3}$": "three capital letters",
    r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$": "a language tag: parts of letters and digits, joined by `-`",
    r"^[0-9]+([.][0-9]+|,[0-9]{1,2})?$": "digits, with decimals behind a point, or one or two behind a comma",
}
"""Patterns in words; any other is quoted."""

TYPES = {
    "date": "a date, or date and time, ISO 8601",
    "number": "a number",
    "boolean": "true or false",
}
"""What the text of a source must be, by its `x-type`."""

PSEUDONYMS = ("user_id", "anonymous_id", "device_id", "session_id", "crm_id")
"""Ids that stand for a person, a device or a visit. They are kept: events are joined by them."""

BY_FIELD, NOT_PERSONAL, DIRECT, PSEUDONYM = "–", "no", "direct identifier", "pseudonym"
CODE, FREE_TEXT, BROWSER, BY_NAME = "code", "free text", "browser", "by name"
"""Whether a value is personal, and so what is kept of it; BY_FIELD where its own fields say so."""


@dataclass(frozen=True)
class FieldInWords:
    """One field. `path`: such as `lines[].item_id`. `former`: the path it had in the version before, empty where it
    had none. `aliases`: the names it had before. `personal`: whether it is, and so what is kept, one of those above."""

    path: str
    former: str
    type_: str
    required: str
    limits: str
    meaning: str
    aliases: tuple[str, ...]
    personal: str

    @property
    def rule(self) -> str:
        """Type and limits, on one line."""
        return ", ".join(filter(None, [self.type_, self.limits]))


def fields_in_words(
    node: Object, schema: Mapping[str, Any], before: Mapping[str, FieldInWords] | None = None
) -> list[FieldInWords]:
    """Every field of a schema, however deep, in its order. `schema`: the JSON Schema that `node` was parsed from.
    `before`: the fields of the version before, by path, whose meanings are taken over where none are given."""
    return list(_below(node, schema, "", "", before or {}))


def changes_in_words(fields: Sequence[FieldInWords], before: Mapping[str, FieldInWords]) -> list[str]:
    """What differs from the version before, one line per change."""
    lines = []
    for field in fields:
        if not field.former:
            lines.append(f"`{field.path}` is new")
            continue
        old = before[field.former]
        if _name(field.former) != _name(field.path):
            lines.append(f"`{field.former}` is called `{field.path}`")
        if old.rule != field.rule:
            lines.append(f"`{field.path}` was: {old.rule}; is now: {field.rule}")
        if old.required != field.required:
            lines.append(f"`{field.path}` was required: {old.required}; is now: {field.required}")
    return lines


def rules_of_object(node: Object) -> list[str]:
    """What an object must be beyond each of its fields."""
    rules = []
    if node.any_of:
        rules.append(f"at least one of {_listed(node.any_of)} must be given, and not null")
    if node.is_closed:
        rules.append("no other fields")
    return rules


def _below(
    node: Node, schema: Mapping[str, Any], path: str, former: str, before: Mapping[str, FieldInWords]
) -> Iterator[FieldInWords]:
    match node:
        case Array(items):
            yield from _below(items, schema["items"], f"{path}[]", f"{former}[]", before)
        case Object(fields):
            for field in fields:
                own = schema["properties"][field.name]
                here = f"{path}.{field.name}".lstrip(".")
                candidates = [f"{former}.{name}".lstrip(".") for name in (field.name, *field.aliases)]
                there = next((one for one in candidates if one in before), "")
                inherited = before[there].meaning if there else NOT_DESCRIBED
                yield FieldInWords(
                    here,
                    there,
                    _type(field.node),
                    _required(field, node, schema),
                    "; ".join([*_limits(field.node), *_limits_of_source(own)]),
                    own.get("description") or own.get("title") or inherited,
                    field.aliases,
                    NOT_PERSONAL if own.get("x-impersonal") else _personal(field.name, field.node),
                )
                yield from _below(field.node, own, here, there, before)


def _name(path: str) -> str:
    return path.rpartition(".")[2]


def _required(field: Field, within: Object, schema: Mapping[str, Any]) -> str:
    if schema.get("x-key") == field.name:
        return "yes, unique"
    if field.is_required:
        return "yes, may be null" if field.may_be_null else "yes"
    return "at least one of these" if field.name in within.any_of else "no"


def _type(node: Node) -> str:
    match node:
        case Text():
            return "string"
        case Number(is_whole):
            return "integer" if is_whole else "number"
        case Boolean():
            return "boolean"
        case Array(items):
            of_items = _type(items)
            return f"array of {of_items.replace('array', 'arrays', 1) if isinstance(items, Array) else of_items + 's'}"
        case Map() | Object():
            return "object"


def _limits(node: Node) -> Iterator[str]:
    match node:
        case Text():
            yield from _limits_of_text(node)
        case Number():
            if node.values:
                yield f"one of {_listed(node.values)}"
            if node.minimum is not None or node.maximum is not None:
                yield _between(node.minimum, node.maximum)
            if node.multiple_of is not None:
                yield f"a multiple of {node.multiple_of:,}"
        case Array():
            if node.min_items is not None or node.max_items is not None:
                yield _between(node.min_items, node.max_items, "item")
            if not isinstance(node.items, Object) and (of_each := "; ".join(_limits(node.items))):
                yield f"each {of_each}"
            if node.may_be_null:
                yield "items may be null"
        case Map(types):
            yield f"any fields; each value {_either(types)}" if types else "any fields"
        case Object():
            yield from rules_of_object(node)


def _limits_of_text(node: Text) -> Iterator[str]:
    if node.is_moment:
        yield "date and time with offset, RFC 3339"
    if node.values:
        yield f"one of {_listed(node.values)}"
    if node.min_length is not None or node.max_length is not None:
        yield _between(node.min_length, node.max_length, "character")
    if node.pattern is not None:
        words = PATTERNS.get(node.pattern)
        yield f"{words} (`{node.pattern}`)" if words else f"of the form `{node.pattern}`"
    if node.is_id:
        yield "no placeholder"


def _limits_of_source(schema: Mapping[str, Any]) -> Iterator[str]:
    if schema.get("x-lines"):
        yield "line breaks are allowed"
    if schema.get("x-type", "text") != "text":
        yield TYPES[schema["x-type"]]


def _between(least: float | None, most: float | None, unit: str = "") -> str:
    counted = f" {unit}{'' if most == 1 else 's'}" if unit else ""
    if least is None:
        return f"at most {most:,}{counted}"
    if most is None:
        return f"{least:,} or more{counted}"
    return f"exactly {most:,}{counted}" if least == most else f"{least:,} to {most:,}{counted}"


def _listed(values: Sequence[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _either(types: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(types[:-1]), types[-1]]))


def _personal(name: str, node: Node) -> str:
    """What is kept of a value of that name, as jobs/privacy does it."""
    match node:
        case Array(items) if not isinstance(items, Object):
            return _personal(name, items)
        case Array() | Object():
            return BY_FIELD
        case Map():
            return BY_NAME
        case Number() | Boolean():
            return NOT_PERSONAL
        case Text(values, is_moment=is_moment):
            if kind_of(name) is not None:
                return DIRECT
            if values or is_moment:
                return NOT_PERSONAL
            if name in PSEUDONYMS:
                return PSEUDONYM
            if is_agent(name):
                return BROWSER
            return CODE if is_coded(name) else FREE_TEXT

"""New versions of payloads taken up beside those in force, or refused with the reason. A version never changes."""

import json
from collections.abc import Iterator, Mapping

from expectations.compatibility import breaking_changes
from expectations.contract import Contract, ContractError, Kind, Schema, checked, kind_of

# What rules.py compiles, and what says nothing of a value. Any other keyword would be taken and never enforced.
KEYWORDS = {
    *("$schema", "title", "description", "type", "properties", "required", "items", "additionalProperties", "anyOf"),
    *("enum", "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "multipleOf"),
    *("minItems", "maxItems", "x-aliases"),
}


def extended(rules: Contract, files: Mapping[str, bytes]) -> tuple[Contract, list[str]]:
    """The contract with the schemas of `files` (name -> text), and one line for each that was refused."""
    refused: list[str] = []
    kinds: list[Kind] = []
    for name, text in files.items():
        try:
            kind = kind_of(name, {})
            kinds.append(kind._replace(payload=_payload(text, name)))
        except ContractError as error:
            refused.append(str(error))
    for kind in sorted(kinds, key=lambda kind: kind[:2]):
        try:
            rules = _next(rules, kind)
        except ContractError as error:
            refused.append(f"{kind.event_type}.v{kind.version}.json: {error}")
    return rules, refused


def _payload(text: bytes, name: str) -> Schema:
    try:
        schema = json.loads(text)
    except ValueError:
        raise ContractError(f"{name} is not a JSON Schema: not JSON") from None
    if "properties" not in checked(schema, name):
        raise ContractError(f"{name} is not a JSON Schema of an object with properties")
    found: Schema = schema
    return found


def _next(rules: Contract, kind: Kind) -> Contract:
    versions = rules.payloads.get(kind.event_type)
    if versions is None:
        raise ContractError("a new event type comes with a release, for gold and the gate must know it too")
    if versions.get(kind.version) == kind.payload:
        return rules
    newest = max(versions)
    if kind.version != newest + 1:
        raise ContractError(f"the next version is {newest + 1}; one that is in force never changes")
    strange = sorted(set(_keywords(kind.payload)) - KEYWORDS)
    if strange:
        raise ContractError(f"{', '.join(strange)}: no rule is made of this, so it would not be enforced")
    changes = breaking_changes(versions[newest], kind.payload)
    if changes:
        raise ContractError(f"not backward compatible: {'; '.join(changes)}")
    return rules.with_payload(kind)


def _keywords(schema: Schema) -> Iterator[str]:
    yield from schema
    inner = [*schema.get("properties", {}).values(), *[schema[key] for key in ("items",) if key in schema]]
    for one in inner:
        yield from _keywords(one)

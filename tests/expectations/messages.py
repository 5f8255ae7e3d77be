"""Messages drawn at random from the contract's schemas: valid ones, and the same with something done to them."""

import copy
import json
import math
from datetime import datetime
from random import Random
from typing import Any

from hypothesis import strategies as st

from expectations.contract import Contract, Schema, contract, types_of

JUNK: list[Any] = [
    *[None, True, False, 0, -1, 1, 2, 0.25, 1.0, 1.5, 4.2, 5e-324, 1e300, 10_001, 86_400.5, 1_000_001],
    *[2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**40],
    *["", " ", "x", "a\n", "PL", "pl", "PLN\n", "é中\u2028", "\x00", "😀", "1", "true", "2017-02-29T00:00:00Z"],
    *[2, 3, "kg", "newest"],
    *["x" * length for length in (64, 65, 128, 129, 320, 321, 1024, 1025)],
    *[[], [0], [None], [{}], [{"item_id": "1", "quantity": 1, "amount": 1}], {}, {"item_id": "5"}, {"analytics": 1}],
]
NAMES = (
    "item_id",
    "user_id",
    "order_id",
    "quantity",
    "text",
    "query",
    "unit",
    "lines",
    "price",
    "payload",
    "email",
    "colour",
    "Item_Id",
)
SCRATCHES = ("", "'", '"', "{", "}", ",", "\\", "0", " ", "NaN", "-", "\t", "\n")


def version_1() -> Contract:
    """The committed contract as it was before any event type had a second version."""
    rules = contract()
    return Contract(rules.envelope, {name: {1: versions[1]} for name, versions in rules.payloads.items()})


def value(schema: Schema) -> st.SearchStrategy[Any]:
    """A value that the schema allows."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return st.one_of([_of_type(kind, schema) for kind in types_of(schema)])


def _of_type(kind: str, schema: Schema) -> st.SearchStrategy[Any]:
    least, most = schema.get("minimum", -1_000), schema.get("maximum", 1_000)
    if kind == "string" and schema.get("format") == "date-time":
        return moments()
    if kind == "string" and "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z"), alphabet=st.characters(codec="ascii"))
    if kind == "string":
        return st.text(st.characters(exclude_categories=["Cs"]), min_size=schema.get("minLength", 0), max_size=8)
    if kind == "number" and "multipleOf" in schema:
        step = schema["multipleOf"]
        return st.integers(math.ceil(least / step), math.floor(most / step)).map(lambda times: times * step)
    if kind == "number":
        return st.one_of(st.integers(math.ceil(least), math.floor(most)), st.floats(least, most, allow_subnormal=False))
    if kind == "array":
        return st.lists(value(schema["items"]), min_size=schema.get("minItems", 0), max_size=4)
    if kind == "object":
        return _object(schema)
    return {"integer": st.integers(least, most), "boolean": st.booleans(), "null": st.none()}[kind]


def _object(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    if "additionalProperties" in schema:
        return st.dictionaries(st.text(max_size=3), value(schema["additionalProperties"]), max_size=3)
    fields = {name: value(inner) for name, inner in schema.get("properties", {}).items()}
    branches = [branch["required"] for branch in schema.get("anyOf", [{"required": []}])]
    always = [{name: fields[name] for name in [*schema.get("required", []), *branch]} for branch in branches]
    return st.one_of([st.fixed_dictionaries(needed, optional=_without(fields, needed)) for needed in always])


def _without(fields: dict[str, Any], taken: dict[str, Any]) -> dict[str, Any]:
    return {name: strategy for name, strategy in fields.items() if name not in taken}


def moments() -> st.SearchStrategy[str]:
    """Instants from 2000 to 2017 as RFC 3339, with any offset and any number of decimals."""
    time = st.datetimes(datetime(2000, 1, 2), datetime(2017, 12, 30))
    ending = st.sampled_from(["Z", "z", ".5Z", ".123456Z", ".123456789Z", "+05:30", "-11:00", "+00:00"])
    return st.builds(lambda at, end: at.strftime("%Y-%m-%dT%H:%M:%S") + end, time, ending)


@st.composite
def events(draw: st.DrawFn, rules: Contract) -> dict[str, Any]:
    """An event that the contract allows."""
    kind = draw(st.sampled_from(rules.kinds))
    envelope = dict(rules.envelope["properties"])
    del envelope["payload"], envelope["event_type"], envelope["schema_version"]
    always = [name for name in rules.envelope["required"] if name in envelope]
    whole = draw(_object({"properties": envelope, "required": always}))
    if whole.get("user_id") is None and whole.get("anonymous_id") is None:
        whole["user_id"] = draw(value({**envelope["user_id"], "type": "string"}))
    whole.update(event_type=kind.event_type, schema_version=kind.version)
    return {**whole, "payload": draw(value(kind.payload))}


def spoilt(event: dict[str, Any], chance: Random) -> str:
    """The text of an event after one to three changes of its fields and, seldom, one of the text itself."""
    for _ in range(chance.randint(1, 3)):
        event = copy.deepcopy(event)
        _change(event, chance)
    text = json.dumps(event, ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.1:
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(SCRATCHES) + text[at + chance.randint(0, 1) :]
    return text


def _change(event: dict[str, Any], chance: Random) -> None:
    within: Any = event
    while chance.random() < 0.6:
        values = within.values() if isinstance(within, dict) else within
        inner = [one for one in values if isinstance(one, dict | list) and one]
        if not inner:
            break
        within = chance.choice(inner)
    place = chance.choice(list(within) if isinstance(within, dict) else range(len(within)))
    match chance.randrange(4):
        case 0:
            del within[place]
        case 1 if isinstance(within, dict):
            within[chance.choice(NAMES)] = chance.choice(JUNK)
        case 2 if isinstance(within, dict):
            within[chance.choice(NAMES)] = within.pop(place)
        case _:
            within[place] = chance.choice(JUNK)

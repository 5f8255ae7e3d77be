"""Messages drawn at random from the contract's schemas: valid ones, and the same with something done to them."""

import copy
import json
import math
from datetime import datetime
from random import Random
from typing import Any

from hypothesis import strategies as st

from expectations.contract import Contract, EventVersion, committed_contract
from expectations.nodes import Array, Boolean, Field, Map, Node, Number, Object, Text

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
    contract = committed_contract()
    return Contract(contract.envelope, tuple(one for one in contract.versions if one.version == 1))


def value(node: Node) -> st.SearchStrategy[Any]:
    """A value that the node allows."""
    match node:
        case Text(values=values) | Number(values=values) if values:
            return st.sampled_from(values)
        case Text():
            return _text(node)
        case Number():
            return _number(node)
        case Boolean():
            return st.booleans()
        case Array():
            return st.lists(value(node.items), min_size=node.min_items or 0, max_size=4)
        case Map():
            free = {
                "string": st.text(max_size=3),
                "number": st.floats(-9, 9),
                "boolean": st.booleans(),
                "null": st.none(),
            }
            return st.dictionaries(st.text(max_size=3), st.one_of([free[type_] for type_ in node.types]), max_size=3)
        case Object():
            return _object(node.fields, node.any_of)


def _text(node: Text) -> st.SearchStrategy[str]:
    if node.is_moment:
        return moments()
    if node.pattern is not None:
        return st.from_regex(node.pattern.replace("$", r"\Z"), alphabet=st.characters(codec="ascii"))
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=node.min_length or 0, max_size=7)


def _number(node: Number) -> st.SearchStrategy[float]:
    least, most = (
        default if limit is None else limit for limit, default in ((node.minimum, -1_000), (node.maximum, 1_000))
    )
    if node.multiple_of is not None:
        step = node.multiple_of
        return st.integers(math.ceil(least / step), math.floor(most / step)).map(lambda times: times * step)
    whole = st.integers(math.ceil(least), math.floor(most))
    if node.is_whole:
        return st.one_of(whole, whole.map(float))
    return st.one_of(whole, st.floats(least, most, allow_subnormal=False))


def _object(fields: tuple[Field, ...], any_of: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    message = {field.name: value(field.node) for field in fields}
    with_null = {f.name: st.one_of(message[f.name], st.none()) if f.may_be_null else message[f.name] for f in fields}
    always = {field.name: message[field.name] for field in fields if field.is_required}
    needed = [{**always, name: message[name]} for name in any_of] or [always]
    return st.one_of([st.fixed_dictionaries(one, optional=_without(with_null, one)) for one in needed])


def _without(fields: dict[str, Any], taken: dict[str, Any]) -> dict[str, Any]:
    return {name: strategy for name, strategy in fields.items() if name not in taken}


def moments() -> st.SearchStrategy[str]:
    """Instants from 2000 to 2017 as RFC 3339, with any offset and any number of decimals."""
    time = st.datetimes(datetime(2000, 1, 2), datetime(2017, 12, 30))
    ending = st.sampled_from(["Z", "z", ".5Z", ".123456Z", ".123456789Z", "+05:30", "-11:00", "+00:00"])
    return st.builds(lambda at, end: at.strftime("%Y-%m-%dT%H:%M:%S") + end, time, ending)


@st.composite
def events(draw: st.DrawFn, version: EventVersion) -> dict[str, Any]:
    """An event of that version that the contract allows."""
    envelope = committed_contract().envelope
    fields = tuple(f for f in envelope.fields if f.name not in ("payload", "event_type", "schema_version"))
    whole = draw(_object(fields, envelope.any_of))
    whole.update(
        event_type=version.event_type, schema_version=draw(st.sampled_from([version.version, float(version.version)]))
    )
    return {**whole, "payload": draw(value(version.payload))}


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

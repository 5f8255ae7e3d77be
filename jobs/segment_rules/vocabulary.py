"""What a rule may name: the event types of the contract in force, and their fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from expectations.contract import Contract, EventVersion
from expectations.nodes import Array, Boolean, Field, Node, Number, Object, Text
from jobs.segment_rules.rule import BOOLEAN, NUMBER, TEXT

CONTEXT, PAYLOAD, LINE, ITEM = "context", "payload", "line", "item"
"""Where a field of an event lies; ITEM: in the catalogue, of the item of the event or of its line."""

TYPES: Mapping[type, str] = {Number: NUMBER, Text: TEXT, Boolean: BOOLEAN}
DIRECT = ("ip", "ip_network", "user_agent")
"""Fields of the context that say who somebody is, and not what they are like."""


class EventField(NamedTuple):
    """`type`: NUMBER, TEXT or BOOLEAN. `column`: its name in silver.events, within its place."""

    type: str
    place: str
    column: str


class ScoreModel(NamedTuple):
    """A version of a model of sessions: the weight of each kind of step, and that of "minutes"."""

    version: str
    intercept: float
    weights: Mapping[str, float]


SCORES: Mapping[str, None] = {"intent": None}
"""The models that a rule may ask for, none of which has learned anything yet."""


@dataclass(frozen=True)
class Vocabulary:
    """What a rule may name. `fields`: of each event type, by name. `segments`: all others. `scores`: models of
    sessions, by name; None: nothing was learned yet."""

    fields: Mapping[str, Mapping[str, EventField]]
    segments: tuple[str, ...] = ()
    scores: Mapping[str, ScoreModel | None] = field(default_factory=lambda: SCORES)


def event_fields(contract: Contract) -> dict[str, dict[str, EventField]]:
    """Of each event type the fields of its newest payload and of its lines, of the context, and of the item."""
    context = contract.envelope.field("context").node
    assert isinstance(context, Object)
    of_context = {
        one.name: EventField(TYPES[type(one.node)], CONTEXT, one.name)
        for one in context.fields
        if type(one.node) in TYPES and one.name not in DIRECT
    }
    return {
        event_type: {**of_context, **_of_payload(contract, max(contract.of_type(event_type).items())[1])}
        for event_type in contract.event_types
    }


def _of_payload(contract: Contract, version: EventVersion) -> dict[str, EventField]:
    found = {
        one.name: EventField(TYPES[type(one.node)], PAYLOAD, contract.column(version, one))
        for one in version.payload.fields
        if type(one.node) in TYPES
    }
    lines = _lines(version.payload)
    found |= {one.name: EventField(TYPES[type(one.node)], LINE, one.name) for one in lines if type(one.node) in TYPES}
    if "item_id" in found:
        found["item_id"] = EventField(TEXT, LINE, "item_id")
        found |= {name: EventField(TEXT, ITEM, name) for name in ("category", "brand")}
    return found


def _lines(payload: Object) -> tuple[Field, ...]:
    node: Node | None = payload.field("lines").node if "lines" in payload.names else None
    return node.items.fields if isinstance(node, Array) and isinstance(node.items, Object) else ()

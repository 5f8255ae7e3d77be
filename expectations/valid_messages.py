"""Messages that are valid as they stand, told in one pass over their text: a decoder for each version, of the contract.

Spark's JSON parser passes over what the contract does not know and takes some wrong types in silence: a number where
a string is expected becomes its text. So a message is believed as parsed only where it is one object of fields that
its version knows, each of its type and within its limits. That is what the decoders take, and nothing else; every
other message, valid or not, is judged value by value (expectations/judging.py). Landing asks for more: that nothing in
it can name somebody.
"""

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta

from expectations.contract import Contract, EventVersion
from expectations.identifiers import MARK, UNUSUAL, is_agent, is_coded, kind_of
from expectations.limits import MOMENT, NO_ID, reason_of, with_end
from expectations.nodes import Array, Boolean, Field, Node, Number, Object, Text

Flags = npt.NDArray[np.bool_]
Decode = Callable[[bytes], object]

_COLON = rb"[ \t\r\n]*:[ \t\r\n]*"
_VERSION = rb'"schema_version"' + _COLON + rb"(?P<version>[0-9]{1,9})"
# The version too, where it stands behind the type, as it mostly does.
EVENT_TYPE = re.compile(rb'"event_type"' + _COLON + rb'"([a-z_]+)"(?:[ \t\r\n]*,[ \t\r\n]*' + _VERSION + rb")?")
SCHEMA_VERSION = re.compile(_VERSION)
LONG_NUMBER = "[0-9]{100}"  # of such Spark's parser gives up, or may round another way
NOT_ASCII = r"[\x80-\xff]"
# Less digits than any phone number has.
FEW_DIGITS = r"^(?:[^0-9]*[0-9]){0,6}[^0-9]*\Z"
SMALL = 999_999
NOTED = ("event_id", "occurred_at", "consent", "analytics")
"""Fields that are known by their names in what a decoder returns."""
NOTHING = Annotated[str, Meta(min_length=1, max_length=0)]
"""A type that takes no value."""


def are_valid(messages: pa.Array, contract: Contract) -> Flags:
    """Whether each of the messages (binary) is valid, but for its time, and what it seems to be to Spark's parser.

    False where it is null, and where only a look at each value can say: an integer may be written as 1.0.
    """
    is_taken = [one is not None for one in _taken(messages, _decoders(contract, False))]
    return np.array(is_taken, bool) & ~_has(messages, LONG_NUMBER)


def valid_and_harmless(messages: pa.Array, contract: Contract) -> list[Any]:
    """Each of the messages (binary) where it is valid, and nothing in it can name somebody; else None.

    It has no field that holds a direct identifier, no text and no number with as many digits as a phone number has,
    but for codes, and no mark that an address, a foreign prefix or a hidden letter needs. Of what it says `event_id`,
    `occurred_at` and `consent` have these names, and None where it does not say it.
    """
    taken = zip(_taken(messages, _decoders(contract, True)), are_unmarked(messages), strict=True)
    return [one if is_unmarked else None for one, is_unmarked in taken]


def are_unmarked(texts: pa.Array) -> Flags:
    """Which texts (binary) are UTF-8 without a mark that an address or a hidden letter needs, and without a number that
    Spark's parser gives up; false where null."""
    is_suspicious = _has(texts, f"{MARK}|{LONG_NUMBER}|{NOT_ASCII}")
    unmarked: Flags = texts.is_valid().to_numpy(zero_copy_only=False) & ~is_suspicious
    places = np.flatnonzero(is_suspicious)
    words = pa.array([_decoded(text) for text in texts.take(pa.array(places)).to_pylist()], pa.string())
    is_unicode = words.is_valid().to_numpy(zero_copy_only=False)
    unmarked[places] = is_unicode & ~_has(words, f"{MARK}|{LONG_NUMBER}|{UNUSUAL}")
    return unmarked


def _decoded(text: bytes) -> str | None:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def _has(texts: pa.Array, pattern: str) -> Flags:
    """Whether the pattern is found in each; false where it is null."""
    found: Flags = pc.match_substring_regex(texts, pattern).fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _taken(messages: pa.Array, decoders: Mapping[tuple[bytes, bytes], Decode]) -> list[Any]:
    """Each message by the decoder of the version that it names; None where it does not take it."""
    taken: list[Any] = [None] * len(messages)
    for at, message in enumerate(messages.to_pylist()):
        if message is not None and (event_type := EVENT_TYPE.search(message)):
            version = event_type if event_type[2] else SCHEMA_VERSION.search(message)
            try:
                taken[at] = decoders[event_type[1], version["version"] if version else b""](message)
            except (KeyError, ValueError, RecursionError):
                continue
    return taken


@functools.lru_cache(maxsize=8)
def _decoders(contract: Contract, is_harmless: bool) -> dict[tuple[bytes, bytes], Decode]:
    """By event type and version, as they stand in a message. What is found there may stand in another place: the
    decoder that it leads to asks for both in theirs."""
    return {
        (one.event_type.encode(), str(one.version).encode()): msgspec.json.Decoder(
            _message(contract, one, is_harmless)
        ).decode
        for one in contract.versions
    }


# Below, `is_harmless`: and nothing in it can name somebody.


def _message(contract: Contract, version: EventVersion, is_harmless: bool) -> Any:
    payload = _object(version.payload, contract.payload_ids, {}, is_harmless)
    named = {
        "event_type": Literal[version.event_type], "schema_version": Literal[version.version], "payload": payload
    }  # fmt: skip
    return _object(contract.envelope, contract.ids, named, is_harmless)


def _object(node: Object, ids: frozenset[str], named: Mapping[str, Any], is_harmless: bool) -> Any:
    """`ids`: fields that hold ids. `named`: the types of some of the fields."""
    fields = [field for field in node.fields if not is_harmless or kind_of(field.name) is None]
    names = {
        field.name if field.name in NOTED else f"field_{number}": field.name for number, field in enumerate(fields)
    }
    of_names = [named.get(field.name) or _field(field, field.name in ids, is_harmless) for field in fields]
    one_of = [name for name, of in names.items() if of in node.any_of]

    def has_one(self: Any) -> None:
        if all(getattr(self, name) is None for name in one_of):
            raise ValueError

    return msgspec.defstruct(
        "Object",
        [
            (name, type_) if field.is_required else (name, type_ | None, None)
            for name, type_, field in zip(names, of_names, fields, strict=True)
        ],
        rename=names,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
        namespace={"__post_init__": has_one} if node.any_of else {},
    )


def _field(field: Field, is_id: bool, is_harmless: bool) -> Any:
    is_free = is_harmless and not is_coded(field.name)
    match field.node:
        case Text() as text:
            return _text(text, field.is_required, is_id, is_free and not is_agent(field.name))
    return _value(field.node, field.name, is_harmless)


def _value(node: Node, name: str, is_harmless: bool) -> Any:
    """`name`: of the field that it is of, or in the list of."""
    is_free = is_harmless and not is_coded(name)
    match node:
        case Boolean():
            return bool
        case Text():
            return _text(node, False, False, is_free and not is_agent(name))
        case Number():
            return _number(node, is_free)
        case Object():
            return _object(node, frozenset(), {}, is_harmless)
        case Array(items, may_be_null, least, most):
            item = _value(items, name, is_harmless)
            of_items = item | None if may_be_null else item
            return Annotated[list[of_items], Meta(min_length=least, max_length=most)]  # type: ignore[valid-type]
    # Of a map's names one may stand twice, and then does so for Spark too.
    return Annotated[dict[str, bool], Meta(max_length=0)]


def _text(node: Text, is_required: bool, is_id: bool, is_free: bool) -> Any:
    patterns = [
        *([] if node.pattern is None else [with_end(node.pattern, r"\Z")]),
        *([MOMENT] if node.is_moment else []),
        *([rf"^(?!(?i:{NO_ID}))"] if is_id or node.is_id else []),
        *([FEW_DIGITS] if is_free else []),
    ]
    if node.values:
        compiled = [re.compile(pattern, re.ASCII) for pattern in patterns]
        values = [
            one for one in node.values if reason_of("", node, one) is None and all(c.search(one) for c in compiled)
        ]
        return Literal[tuple(values)] if values else NOTHING
    # All of them at once: each is looked for from the start on. The contract's own is first, its groups have numbers.
    pattern = patterns[0] if len(patterns) == 1 else "^" + "".join(rf"(?=[\s\S]*?(?:{one}))" for one in patterns)
    is_any = not patterns
    return Annotated[
        str,
        Meta(min_length=node.min_length, max_length=node.max_length, pattern=None if is_any else f"(?a){pattern}"),
    ]


def _number(node: Number, is_free: bool) -> Any:
    if node.values:
        values = [one for one in node.values if reason_of("", node, one) is None and (not is_free or abs(one) <= SMALL)]
        return Literal[tuple(values)] if node.is_whole and values else NOTHING
    bounds = [(-SMALL, SMALL)] if is_free else []
    if node.is_whole:
        bounds.append((-(2**63), 2**63 - 1))
    least = max((low for low in (node.minimum, *[low for low, _ in bounds]) if low is not None), default=None)
    most = min((high for high in (node.maximum, *[high for _, high in bounds]) if high is not None), default=None)
    if node.is_whole:
        limits = Meta(ge=math.ceil(least or 0), le=math.floor(most or 0), multiple_of=node.multiple_of)
        return Annotated[int, limits]
    return Annotated[float, Meta(ge=least, le=most, multiple_of=node.multiple_of)]

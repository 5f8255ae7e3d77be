"""Messages that need no second look, told by their text: a pattern for each event type, made of the contract.

Spark's JSON parser passes over what the contract does not know and takes some wrong types in silence: a number where
a string is expected becomes its text. So a message is believed as parsed only where its whole text is one object with
fields that its version knows, each followed by a value of its type. What is plain here is exactly that; every other
message is looked at again (expectations/type_recheck.py). Landing asks for more: that nothing in it can name somebody.

The patterns are RE2's, by way of Arrow: one pass over the text, in time that grows with the text alone.
"""

import contextlib
import functools
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from expectations.contract import Contract
from expectations.identifiers import MARK, UNUSUAL, is_agent, is_coded, kind_of
from expectations.nodes import Array, Boolean, Field, Map, Node, Number, Object, Text

Flags = npt.NDArray[np.bool_]

SPACE = r"[ \t\r\n]*"
CHARACTER = r'[^"\\\x00-\x1f]'  # of a string, but for what is escaped; bytes, as is all below
ESCAPED = r'\\(?:["\\/bfnrt]|u(?:[0-9A-CEFa-cef][0-9A-Fa-f]{3}|[dD][0-7][0-9A-Fa-f]{2}))'  # no half characters
STRING = rf'"(?:{CHARACTER}|{ESCAPED})*"'
WHOLE = r"-?(?:0|[1-9][0-9]{0,17})"
SCALARS = {
    "string": STRING,
    "integer": WHOLE,
    "number": rf"{WHOLE}(?:\.[0-9]{{1,17}})?(?:[eE][+-]?[0-9]{{1,2}})?",
    "boolean": "(?:true|false)",
    "null": "null",
}
# What is shorter than any phone number, and a number with a fraction, which is none.
FEW_DIGITS = r'"(?:[^"\\\x00-\x1f0-9]*[0-9]){0,6}[^"\\\x00-\x1f0-9]*"'
SMALL_WHOLE = r"-?(?:0|[1-9][0-9]{0,5})"
SMALL_NUMBER = rf"{SMALL_WHOLE}(?:\.[0-9]{{1,17}})?"
EVENT_TYPE = re.compile(rb'"event_type"[ \t\r\n]*:[ \t\r\n]*"([a-z_]+)"')
NOT_ASCII = r"[\x80-\xff]"


def are_plain(messages: pa.Array, contract: Contract) -> Flags:
    """Whether each of the messages (binary) is what it seems to be to Spark's parser; false where it is null."""
    plain = _are_of(messages, contract, False)
    places, texts = _of_places(messages, plain & _has(messages, NOT_ASCII))
    plain[places] = texts.is_valid().to_numpy(zero_copy_only=False)
    return plain


def are_plain_and_harmless(messages: pa.Array, contract: Contract) -> Flags:
    """Whether each of the messages (binary) is plain, and nothing in it can name somebody; false where it is null.

    It has no field that holds a direct identifier, no text and no number with as many digits as a phone number has,
    but for codes, and no mark that an address, a foreign prefix or a hidden letter needs.
    """
    return _are_of(messages, contract, True) & are_unmarked(messages)


def are_unmarked(texts: pa.Array) -> Flags:
    """Which texts (binary) are UTF-8 without a mark that an address or a hidden letter needs; false where null."""
    is_suspicious = _has(texts, f"{MARK}|{NOT_ASCII}")
    unmarked: Flags = texts.is_valid().to_numpy(zero_copy_only=False) & ~is_suspicious
    places, words = _of_places(texts, is_suspicious)
    is_unicode = words.is_valid().to_numpy(zero_copy_only=False)
    unmarked[places] = is_unicode & ~_has(words, f"{MARK}|{UNUSUAL}")
    return unmarked


def _of_places(texts: pa.Array, flags: Flags) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Where the flags are set, and the texts there, decoded; null where one is not UTF-8."""
    places = np.flatnonzero(flags)
    return places, pa.array([_decoded(text) for text in texts.take(pa.array(places)).to_pylist()], pa.string())


def _decoded(text: bytes) -> str | None:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def _has(texts: pa.Array, pattern: str) -> Flags:
    """Whether the pattern is found in each; false where it is null."""
    found: Flags = pc.match_substring_regex(texts, pattern).fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _are_of(messages: pa.Array, contract: Contract, is_harmless: bool) -> Flags:
    """Whether each message is of the form of a version of the event type that it names."""
    by_type: dict[bytes, list[int]] = {}
    for at, message in enumerate(messages.to_pylist()):
        if message is not None and (found := EVENT_TYPE.search(message)):
            by_type.setdefault(found[1], []).append(at)
    answers, patterns = np.zeros(len(messages), bool), _patterns(contract, is_harmless)
    for event_type, places in by_type.items():
        if event_type in patterns:
            of_type = messages if len(places) == len(messages) else messages.take(pa.array(places))
            with contextlib.suppress(pa.ArrowInvalid):  # a pattern of thousands of fields is too large for RE2
                answers[places] = _has(of_type, patterns[event_type])
    return answers


@functools.lru_cache(maxsize=8)
def _patterns(contract: Contract, is_harmless: bool) -> dict[bytes, str]:
    """Event type -> a pattern found in a text that is one object of one of its versions, and in no other."""
    versions: dict[bytes, list[str]] = {}
    for one in contract.versions:
        named = {"event_type": f'"{one.event_type}"', "schema_version": str(one.version)}
        form = _object(contract.message(one), is_harmless, named)
        versions.setdefault(one.event_type.encode(), []).append(form)
    return {name: rf"\A{SPACE}{_either(forms)}{SPACE}\z" for name, forms in versions.items()}


def _object(node: Object, is_harmless: bool, literal: dict[str, str]) -> str:
    """`literal`: what stands in some of the fields."""
    fields = [field for field in node.fields if not is_harmless or kind_of(field.name) is None]
    forms = [
        rf'"{re.escape(field.name)}"{SPACE}:{SPACE}{literal.get(field.name) or _field(field, is_harmless)}'
        for field in fields
    ]
    return _listed(r"\{", _either(forms), r"\}") if forms else rf"\{{{SPACE}\}}"


def _field(field: Field, is_harmless: bool) -> str:
    return _or_null(_value(field.node, field.name, is_harmless), field.may_be_null)


def _value(node: Node, name: str, is_harmless: bool) -> str:
    match node:
        case Boolean():
            return SCALARS["boolean"]
        case Array():
            item = _or_null(_value(node.items, name, is_harmless), node.may_be_null)
            return _listed(r"\[", item, r"\]")
        case Object():
            return _object(node, is_harmless, {})
        case Map(types) if types and not is_harmless:
            return _listed(r"\{", rf"{STRING}{SPACE}:{SPACE}{_either([SCALARS[type_] for type_ in types])}", r"\}")
        case Map():
            return rf"\{{{SPACE}\}}"  # what may be anything is not looked through
    is_free = is_harmless and not is_coded(name)
    match node:
        case Text():
            return FEW_DIGITS if is_free and not is_agent(name) else STRING
        case Number(is_whole=True):
            return SMALL_WHOLE if is_free else WHOLE
    return SMALL_NUMBER if is_free else SCALARS["number"]


def _either(forms: Sequence[str]) -> str:
    return f"(?:{'|'.join(forms)})"


def _or_null(form: str, may_be_null: bool) -> str:
    return _either([form, "null"]) if may_be_null else form


def _listed(start: str, item: str, end: str) -> str:
    return rf"{start}{SPACE}(?:{item}{SPACE}(?:,{SPACE}{item}{SPACE})*)?{end}"

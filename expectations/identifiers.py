"""What names a person: the contract's direct identifiers by field name, and which fields hold no free text."""

import functools
import importlib.resources
import json
import re
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

# Marks in a text that may name somebody, in patterns that Java and RE2 read alike.
MARKS = ("@", "\\")  # of an address; of a hidden letter
ENTITIES = "&(?:#|commat;|plus;|period;|nbsp;)"
ENCODED = "%(?:40|25|2[bB]|3[0-9]|[c-fC-F][0-9a-fA-F])"  # in a link: at, per cent, plus, a digit, what is not ASCII
# Outside ASCII: an at sign and a plus of other widths, and what is neither letter, mark, punctuation nor symbol:
# digits, what nobody sees, and what the matcher does not know yet.
UNUSUAL = (
    r"[\x{ff20}\x{fe6b}\x{ff0b}\x{fe62}\x{fb29}\x{207a}\x{208a}]"
    r"|[^\x00-\x7f\p{L}\p{M}\p{P}\p{Sc}\p{Sm}\p{So}\p{Z}]"
)
PREFIXED = r'\+[^0-9A-Za-z"]{0,6}[0-9](?:[^0-9A-Za-z"]{0,6}[0-9]){5}'  # a phone number with its country's prefix
MARK = rf"[@\\]|{ENTITIES}|{ENCODED}|{PREFIXED}"
"""Found in every ASCII text with a mark."""

NO_LETTERS = "[-_. $]"


@functools.cache
def direct() -> Mapping[str, str]:
    """Field name -> kind of value (email, phone, ip, name, ...); the kind decides how equal values are made equal."""
    kinds: Mapping[str, str] = _listed()["direct"]
    return kinds


def kind_of(name: str) -> str | None:
    """The kind of identifier a field of that name holds, None for none. `E-Mail`, `$email`, `e_mail` are one."""
    return _by_letters().get(_letters(name))


def names_by_kind() -> Mapping[str, tuple[str, ...]]:
    """Kind of identifier -> the further names of fields that hold one, in letters alone, in their order."""
    further: Mapping[str, str] = _listed()["also_called"]["names"]
    return {kind: tuple(name for name, of in further.items() if of == kind) for kind in direct().values()}


def is_direct_name(name: Column) -> Column:
    """Whether `kind_of` knows the name."""
    return F.lower(F.regexp_replace(name, NO_LETTERS, "")).isin(list(_by_letters()))


def is_coded(name: str) -> bool:
    """Whether a field holds a code (an id, a currency, a moment) rather than words that a person may have typed."""
    return name.endswith("_id") or name in _coded()


def is_agent(name: str) -> bool:
    """Whether a field names a browser: its versions look like phone numbers."""
    return _letters(name) in _listed()["agents"]["names"]


def may_name_in_words(text: Column) -> Column:
    """Whether a plain text may hold an e-mail address, a phone number or a card number; never false where it does."""
    return F.coalesce(has_mark(text) | text.rlike(r"(?:[0-9][^0-9]{0,6}){7}"), F.lit(False))


def has_mark(text: Column) -> Column:
    """Whether a mark stands in the text that an address, a country's prefix or a hidden letter needs."""
    marks = functools.reduce(Column.__or__, [text.contains(mark) for mark in MARKS])
    encoded, prefixed = text.contains("%") & text.rlike(ENCODED), text.contains("+") & text.rlike(PREFIXED)
    is_ascii = F.octet_length(text) == F.char_length(text)
    return marks | (text.contains("&") & text.rlike(ENTITIES)) | encoded | prefixed | (~is_ascii & text.rlike(UNUSUAL))


@functools.cache
def _listed() -> dict[str, Any]:
    file = importlib.resources.files("expectations") / "identifiers.json"
    listed: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return listed


@functools.cache
def _coded() -> frozenset[str]:
    return frozenset(_listed()["coded"]["names"])


@functools.cache
def _by_letters() -> Mapping[str, str]:
    return {**_listed()["also_called"]["names"], **{_letters(name): kind for name, kind in direct().items()}}


def _letters(name: str) -> str:
    return re.sub(NO_LETTERS, "", name).lower()

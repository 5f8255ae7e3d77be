"""What names a person: the contract's direct identifiers by field name, and which fields hold no free text."""

import functools
import importlib.resources
import json
import re
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from expectations.contract import Contract
from expectations.nodes import names
from expectations.plain_messages import any_of

MARKS = ("@", "\\", "'")  # of an address; of a hidden letter; of quotes that are no JSON
ENTITIES = "&(?:#|commat;|plus;|period;|nbsp;)"
ENCODED = r"%(?i:40|25|2b|3[0-9]|[c-f][0-9a-f])"  # in a link: at, per cent, plus, a digit, what is not ASCII
# Outside ASCII: an at sign and a plus of other widths, and what is neither letter, mark, punctuation nor symbol:
# digits, what nobody sees, and what this Java does not know yet.
UNUSUAL = r"[\uff20\ufe6b\uff0b\ufe62\ufb29\u207a\u208a]|[^\x00-\x7f\p{L}\p{M}\p{P}\p{Sc}\p{Sm}\p{So}\p{Z}]"
PREFIXED = r'\+[^0-9A-Za-z"]{0,6}[0-9](?:[^0-9A-Za-z"]{0,6}[0-9]){5}'  # a phone number with its country's prefix
NO_LIST = r"\[(?=\s*+[{\]])"  # of words or numbers: one of objects, or an empty one
CODE = rf'"\s*+:\s*+(?:{NO_LIST}|[^\s\[])'
_SIX_DIGITS = r"(?:[^{end}0-9]*+[0-9]){{0,6}}+[^{end}0-9]*+"  # at most: fewer than a phone number
_NUMBER, _WORD = _SIX_DIGITS.format(end=r",}\]"), _SIX_DIGITS.format(end='"')
WORDS = rf'"\s*+:\s*+(?:{NO_LIST}|[^\s"\[0-9-]|-?+{_NUMBER}[,}}\]]|"{_WORD}")'


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


def may_name_someone(text: Column, contract: Contract) -> Column:
    """Whether a JSON text may hold a direct identifier, or is none: never false where it does, cheap where it is.

    It may where a field has a name that the contract does not know or that `kind_of` knows, where words or a number
    hold as many digits as a phone number, and where a mark stands that an address, a foreign prefix or a hidden letter
    needs. What an object is followed by is no message any more, and may be anything; so may what stands in a list.
    """
    marks = has_mark(text)
    is_object = F.json_object_keys(text).isNotNull() & F.rtrim(text).endswith("}") & F.is_valid_utf8(text)
    return ~F.coalesce(is_object, F.lit(False)) | marks | text.rlike(_unknown(contract))


def may_name_in_words(text: Column) -> Column:
    """Whether a plain text may hold an e-mail address, a phone number or a card number; never false where it does."""
    return F.coalesce(has_mark(text) | text.rlike(r"(?:[0-9][^0-9]{0,6}){7}"), F.lit(False))


def has_mark(text: Column) -> Column:
    """Whether a mark stands in the text that an address, a country's prefix or a hidden letter needs."""
    marks = functools.reduce(Column.__or__, [text.contains(mark) for mark in MARKS])
    encoded, prefixed = text.contains("%") & text.rlike(ENCODED), text.contains("+") & text.rlike(PREFIXED)
    is_ascii = F.octet_length(text) == F.char_length(text)
    return marks | (text.contains("&") & text.rlike(ENTITIES)) | encoded | prefixed | (~is_ascii & text.rlike(UNUSUAL))


def _unknown(contract: Contract) -> str:
    """A pattern found in every JSON object with a name that is not known to be harmless, with many digits in words, or
    with something behind its end."""
    contract_names = names(contract.envelope).union(*[names(one.payload) for one in contract.versions])
    harmless = [name for name in contract_names if kind_of(name) is None]
    endings = {name: CODE if is_coded(name) else WORDS for name in harmless}
    behind_the_end = r"(?<=[}\]])\s*+(?:[^,}\]\s]|,\s*+[^\"{\[\s])"
    return rf'[{{,}}\]](?:(?<=[{{,])\s*+"(?!{any_of(endings)})|{behind_the_end})'


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

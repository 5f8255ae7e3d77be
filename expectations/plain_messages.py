"""Messages that need no second look, told by their text: a pattern per version of an event type.

Spark's JSON parser passes over what the contract does not know and takes some wrong types in silence: a number where
a string is expected becomes its text. So a message is believed as parsed only where its whole text is one object with
fields that the contract knows in their places, each followed by a value that begins and ends as its type does. What
is found here is exactly that; every other message is looked at again (expectations/type_recheck.py).
"""

import functools

from pyspark.sql import Column
from pyspark.sql import functions as F

from expectations.contract import Contract
from expectations.json_numbers import LONGEST
from expectations.nodes import Array, Boolean, Map, Node, Number, Object, Text

SPACE = r"\s*+"
# No lone surrogate: the parser makes of one what it likes. Spark's parser refuses escapes that are none.
STRING = r'"[^"\\]*+(?:\\(?:[^u]|u(?:(?![dD][89a-fA-F])|[dD][89abAB]..\\u(?=[dD][c-fC-F]))....)[^"\\]*+)*+"'
SCALARS = {
    "string": STRING,
    "integer": rf"-?+[0-9]{{1,{LONGEST}}}+(?![.eE0-9])",
    "number": rf"-?+[0-9][0-9.eE+-]{{0,{LONGEST}}}+(?![0-9.eE+-])",
    "boolean": r"(?:true|false)",
    "null": "null",
}


def is_plain(contract: Contract, text: Column, version: Column) -> Column:
    """Whether a message of that version, by its place in the contract, is what it seems; false where it is of none.

    All patterns are possessive: Java's matcher takes them in one pass, without a stack that grows with the text.
    """
    matches = F.when(F.lit(False), F.lit(False))
    for place, one in enumerate(contract.versions):
        matches = matches.when(version == place, text.rlike(pattern_of(contract.message(one))))
    return F.coalesce(matches, F.lit(False))


@functools.cache
def pattern_of(message: Object) -> str:
    """Found in a text that is one object of that form, and in no other."""
    return rf"\A{SPACE}{_pattern(message)}{SPACE}\z"


def any_of(endings: dict[str, str]) -> str:
    """A pattern for one of the words with its ending, as a trie, so that a text is not compared with each in turn."""
    branches = [endings[""]] if "" in endings else []
    for first in sorted({word[0] for word in endings if word}):
        branches.append(first + any_of({word[1:]: end for word, end in endings.items() if word[:1] == first}))
    return branches[0] if len(branches) == 1 else f"(?>{'|'.join(branches)})"


def _pattern(node: Node) -> str:
    match node:
        case Text():
            return STRING
        case Number():
            return SCALARS["integer" if node.is_whole else "number"]
        case Boolean():
            return SCALARS["boolean"]
        case Array():
            return _listed(r"\[", _or_null(_pattern(node.items), node.may_be_null), r"\]")
        case Map():
            # What may be anything is not looked through.
            values = "|".join(SCALARS[type_] for type_ in node.types) or "(?!)"
            return _listed(r"\{", rf"{STRING}{SPACE}:{SPACE}(?>{values})", r"\}")
        case Object():
            endings = {
                field.name: rf'"{SPACE}:{SPACE}{_or_null(_pattern(field.node), field.may_be_null)}'
                for field in node.fields
            }
            return _listed(r"\{", f'"{any_of(endings)}', r"\}") if endings else rf"\{{{SPACE}\}}"


def _or_null(pattern: str, may_be_null: bool) -> str:
    return f"(?>{pattern}|null)" if may_be_null else pattern


def _listed(start: str, item: str, end: str) -> str:
    return rf"{start}{SPACE}(?:{item}{SPACE}(?:,{SPACE}{item}{SPACE})*+)?+{end}"

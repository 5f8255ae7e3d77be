"""A text as its reader sees it: escapes decoded, one character for one meaning, and where each stood in the original.

An address in a link is often encoded, once or twice, and digits need not be ASCII's. Whoever searches the plain text
finds them, and whoever replaces what was found changes nothing else.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

DEEPEST = 3
"""So often a text is decoded: a link within a link within a link."""

ESCAPE = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|\\u[0-9A-Fa-f]{4}|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|commat|plus|period|nbsp);"
)
ENTITIES = {"&commat;": "@", "&plus;": "+", "&period;": ".", "&nbsp;": " "}
INVISIBLE = {"\u034f", *map(chr, range(0xFE00, 0xFE10))}  # beside the category Cf: joiners, variation selectors
DOTS = frozenset("\u00b7\u2022\u2027\u2219\u3002\uff0e\uff61")

Piece = tuple[str, int, int]
"""One character and where it stood: from, to."""


class Plain(NamedTuple):
    """`text[i]` stands for the original's characters from `starts[i]` to `ends[i]`."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def plain(text: str) -> Plain:
    """The plain text of a text."""
    whole = Plain(text, range(len(text)), range(1, len(text) + 1))
    for _ in range(DEEPEST):
        if not ESCAPE.search(whole.text):
            break
        whole = _of(_decoded(whole))
    return whole if whole.text.isascii() else _of(_normalised(whole))


def without_invisible(text: str) -> str:
    """The text without the characters that nobody sees, such as a zero-width space or a soft hyphen."""
    return text if text.isascii() else "".join(character for character in text if not _is_invisible(character))


def replaced(text: str, view: Plain, found: Iterable[tuple[int, int, str]]) -> str:
    """The original `text` with each (start, end, replacement) of its plain text in place; they do not overlap."""
    pieces, last = [], 0
    for start, end, replacement in sorted(found):
        pieces += [text[last : view.starts[start]], replacement]
        last = view.ends[end - 1]
    return "".join([*pieces, text[last:]])


def _of(pieces: Iterable[Piece]) -> Plain:
    characters, starts, ends = [], [], []
    for character, start, end in pieces:
        characters.append(character)
        starts.append(start)
        ends.append(end)
    return Plain("".join(characters), starts, ends)


def _decoded(view: Plain) -> Iterator[Piece]:
    last = 0
    for match in ESCAPE.finditer(view.text):
        yield from zip(view.text[last : match.start()], view.starts[last:], view.ends[last:], strict=False)
        at = last = match.start()
        for character, size in _characters(match[0]):
            yield character, view.starts[at], view.ends[at + size - 1]
            at += size
        last = match.end()
    yield from zip(view.text[last:], view.starts[last:], view.ends[last:], strict=True)


def _characters(escape: str) -> Iterator[tuple[str, int]]:
    """Each character that an escape stands for, and how many characters it is written with."""
    if escape.startswith("%"):
        for character in bytes.fromhex(escape.replace("%", "")).decode("utf-8", "surrogateescape"):
            yield character, 3 * len(character.encode("utf-8", "surrogateescape"))
    elif escape in ENTITIES:
        yield ENTITIES[escape], len(escape)
    else:
        is_hexadecimal = escape[0] == "\\" or escape[2] in "xX"
        code = int(escape.strip("\\u&#xX;"), 16 if is_hexadecimal else 10)
        yield chr(code) if code < 0x110000 else " ", len(escape)


def _normalised(view: Plain) -> Iterator[Piece]:
    for character, start, end in zip(*view, strict=True):
        if character.isascii():
            yield character, start, end
        elif one := _one(character):
            yield one, start, end


def _one(character: str) -> str:
    """The plain character for one that is not ASCII's, "" for one that nobody sees."""
    if _is_invisible(character):
        return ""
    category = unicodedata.category(character)
    if (digit := unicodedata.digit(character, None)) is not None:
        return str(digit)
    if category == "Pd" or character == "\u2212":
        return "-"
    if category in ("Zs", "Zl", "Zp"):
        return " "
    if character in DOTS:
        return "."
    compatible = unicodedata.normalize("NFKC", character)
    return compatible if len(compatible) == 1 else character


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or character in INVISIBLE

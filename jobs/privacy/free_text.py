"""Words that a person may have typed, with what names somebody taken out: e-mail addresses, card and phone numbers."""

import re

from jobs.privacy.card_numbers import card_numbers
from jobs.privacy.keys import Secrets
from jobs.privacy.phone_numbers import international_numbers, local_numbers, spaced
from jobs.privacy.plain_text import Plain, plain, replaced
from jobs.privacy.tokens import token

# Bounded as RFC 5321, 4.5.3.1 has it: without a bound, a long word without an address takes time by its square.
_LOCAL = r"[^\s@\"'<>(),;:=&?/\\\[\]{}|#][^\s@\"<>(),;:=&?/\\\[\]{}|#]{0,63}"
_DOMAIN = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,63})"
_IMAGE = r"\d(?:\.\d)?x\.(?:png|jpe?g|gif|webp|avif|svg)"  # logo@2x.png
EMAIL = re.compile(
    rf"(?:{_LOCAL}|\"[^\"@\s]{{1,62}}\")@(?!{_IMAGE})(?:{_DOMAIN}|\[[0-9a-f.:]{{7,45}}\])", re.IGNORECASE
)
FEWEST_DIGITS = 7

Found = list[tuple[int, int, str]]


def scrubbed(text: str, region: str) -> str:
    """Free text with `[email]`, `[card]` and `[phone]` where one stood, however it was encoded.

    A phone number is a possible one with a country's prefix, or one that is valid in `region`.
    """
    view = plain(text)
    found = _emails(view, "[email]")
    if sum(map(str.isdigit, view.text)) >= FEWEST_DIGITS:
        for label, spans in (
            ("[card]", card_numbers),
            ("[phone]", international_numbers),
            ("[phone]", lambda words: international_numbers(spaced(words))),
            ("[phone]", lambda words: local_numbers(spaced(words), region)),
        ):
            found += [(*span, label) for span in spans(_blotted(view.text, found))]
    return replaced(text, view, found) if found else text


def scrubbed_agent(text: str) -> str:
    """A browser's name with `[email]` and `[phone]` where an address or a number behind a plus stood; other numbers are
    versions."""
    view = plain(text)
    return replaced(text, view, [(start, end, f"[{kind}]") for start, end, kind in _certain(view)])


def coded(text: str, secrets: Secrets, region: str) -> str:
    """A code, such as an id, with a token where an e-mail address or phone number stood, so that equal ones stay equal.

    In angle brackets: what may stand in an id by the contract may not become valid by being replaced.
    """
    view = plain(text)
    return replaced(
        text,
        view,
        [
            (start, end, f"<{token(kind, view.text[start:end], secrets, region)}>")
            for start, end, kind in _certain(view)
        ],
    )


def _certain(view: Plain) -> Found:
    """What is an address or a phone number wherever it stands, as its kind."""
    found = _emails(view, "email")
    numbers = international_numbers(_blotted(view.text, found)) if "+" in view.text else ()
    # 0012345678905 is an article's number as well as a phone's.
    return found + [(start, end, "phone") for start, end in numbers if view.text[start] == "+"]


def _emails(view: Plain, label: str) -> Found:
    return [(*match.span(), label) for match in EMAIL.finditer(view.text)] if "@" in view.text else []


def _blotted(text: str, found: Found) -> str:
    """The text with what was found made unreadable, so that it is not found again."""
    characters = list(text)
    for start, end, _ in found:
        characters[start:end] = "\0" * (end - start)
    return "".join(characters)

"""Words that a person may have typed, with what names somebody taken out: e-mail addresses, phone and card numbers."""

import re

import phonenumbers

from expectations.identifiers import PREFIXED
from jobs.privacy.keys import Secrets
from jobs.privacy.tokens import token

# Bounded as RFC 5321, 4.5.3.1 has it: without a bound, a long word without an address takes time by its square.
EMAIL = re.compile(r"[^\s@\"'<>(),;:=&?/\\%]{1,64}(?:@|%40)[^\s@\"'<>(),;:=&?/\\%]{1,255}", re.IGNORECASE)
DIALLED = re.compile(PREFIXED)
CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
FEWEST_DIGITS = 7


def scrubbed(text: str, region: str) -> str:
    """Free text with `[email]`, `[card]` and `[phone]` where one stood. A number that fails Luhn's test is no card.

    A phone number is one with a country's prefix, or one that is valid in `region` as libphonenumber has it.
    """
    text = EMAIL.sub("[email]", text)
    if sum(map(str.isdigit, text)) < FEWEST_DIGITS:
        return text
    text = CARD.sub(lambda part: "[card]" if _is_card(part[0]) else part[0], text)
    text = DIALLED.sub("[phone]", text)
    for match in reversed(list(phonenumbers.PhoneNumberMatcher(text, region, max_tries=1_000))):
        text = f"{text[: match.start]}[phone]{text[match.end :]}"
    return text


def coded(text: str, secrets: Secrets, region: str) -> str:
    """A code, such as an id, with a token where an e-mail address or phone number stood, so that equal ones stay equal.

    In angle brackets: what may stand in an id by the contract may not become valid by being replaced.
    """

    def replaced(kind: str, pattern: re.Pattern[str], text: str) -> str:
        return pattern.sub(lambda match: f"<{token(kind, match[0].replace('%40', '@'), secrets, region)}>", text)

    return replaced("phone", DIALLED, replaced("email", EMAIL, text))


def _is_card(text: str) -> bool:
    """Luhn's test (ISO/IEC 7812-1, annex B)."""
    digits = [int(digit) for digit in reversed(text) if digit.isdigit()]
    return sum(digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits)) % 10 == 0

"""Payment cards in a text, told from dates, barcodes and UUIDs by issuer, length and check digit.

Sources: ISO/IEC 7812-1 (numbering, annex B: Luhn's check digit) and the ranges that the issuers publish.
"""

import re
from collections.abc import Iterator

RUN = re.compile(r"\d(?:[ .,:/+_-]{0,3}\d)*")
GROUP = re.compile(r"\d+")
ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11,16}"  # Diners Club
    r"|(?:6011|64[4-9]\d|65\d\d|62\d\d|81\d\d)\d{12,15}"  # Discover, UnionPay, RuPay
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|(?:50(?:18|20|38)|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
    r"|220[0-4]\d{12,15}"  # Mir
)
LENGTHS = range(12, 20)
SHORTEST_GROUP = 3
"""Cards are printed in groups of four to six digits, the last one of three; a date's are shorter."""


def card_numbers(text: str) -> Iterator[tuple[int, int]]:
    """From where to where each card number stands, in one block or in groups with up to three characters between."""
    for run in RUN.finditer(text):
        groups = [match.span() for match in GROUP.finditer(text, *run.span())]
        first = 0
        while first < len(groups):
            last = _last_group(text, groups, first)
            if last is not None:
                yield groups[first][0], groups[last][1]
            first = first + 1 if last is None else last + 1


def _last_group(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """With which group the card ends that begins with the group `first`; the longest counts."""
    digits, found = "", None
    for place in range(first, len(groups)):
        start, end = groups[place]
        digits += text[start:end]
        if end - start < SHORTEST_GROUP or len(digits) >= LENGTHS.stop:
            break
        if len(digits) in LENGTHS and is_card(digits):
            found = place
    return found


def is_card(digits: str) -> bool:
    """Whether the digits are of an issuer, of its length, and end with Luhn's check digit.

    Thirteen digits are Visa's oldest cards and every barcode (EAN-13): a barcode's check digit makes it one.
    """
    if not ISSUED.fullmatch(digits) or not _is_luhn(digits):
        return False
    return len(digits) != 13 or not _is_ean(digits)


def _is_luhn(digits: str) -> bool:
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[::-2]))) % 10 == 0


def _is_ean(digits: str) -> bool:
    """GS1's check digit: every second digit counts three times, from the right."""
    return (3 * sum(map(int, digits[-2::-2])) + sum(map(int, digits[::-2]))) % 10 == 0

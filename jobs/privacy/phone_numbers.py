"""Phone numbers in a text, told from versions, dates, times and barcodes. libphonenumber knows which there are."""

import re
from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumber

BETWEEN = r"[ ()./_-]{0,3}"
INTERNATIONAL = re.compile(rf"(?:\+|(?<![\d.,])00){BETWEEN}[1-9](?:{BETWEEN}\d){{5,16}}")
GROUP = re.compile(r"\d+")
YEAR, MONTH, DAY = r"(?:19|20)\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
DATE = rf"(?<!\d){YEAR}([-./]?){MONTH}\1{DAY}(?!\d)|(?<!\d){DAY}([-./]){MONTH}\2{YEAR}(?!\d)"
TIME = r"(?<!\d)[0-2]?\d:[0-5]\d(?::[0-5]\d)?(?!\d)"
UUID = r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9a-fA-F])"
VERSION = r"(?<=[A-Za-z]/)v?\d+(?:\.\d+)+|(?<![\d.])\d+(?:\.\d+){3,}"
ISBN = r"(?<!\d)97[89](?:[ -]?\d){9}[ -]?\d(?!\d)"
NO_PHONE = re.compile(rf"{UUID}|{DATE}|{TIME}|{VERSION}|{ISBN}")
FEWEST_DIGITS_BEHIND_A_WORD = 10
PHONE_WITH_DOTS = re.compile(r"(?:1\.)?\d{3}\.\d{3}\.\d{4}|0\d(?:\.\d\d){4}|\d\d(?:\.\d\d){3}")


def international_numbers(text: str) -> Iterator[tuple[int, int]]:
    """From where to where each number with a country's prefix stands: behind +, where it is a possible one, and behind
    00, or a + that a letter or digit is before (a blank, in a link), where it is a valid one. Behind a word it is
    also an article's number, if it is short.
    """
    for match in INTERNATIONAL.finditer(text):
        start = match.start()
        is_behind_a_word = start > 0 and text[start - 1].isalnum()
        is_certain = match[0].startswith("+") and not is_behind_a_word
        ends = [group.end() for group in GROUP.finditer(text, *match.span())][::-1]
        if match[0].startswith("+"):  # other digits may be glued to its end
            ends += [place + 1 for place in range(match.end() - 1, start, -1) if text[place].isdigit()]
        for end in ends:
            number = _parsed("+" + text[start:end].removeprefix("+").removeprefix("00"))
            if is_behind_a_word and sum(map(str.isdigit, text[start:end])) < FEWEST_DIGITS_BEHIND_A_WORD:
                continue
            if number and (is_possible(number) if is_certain else phonenumbers.is_valid_number(number)):
                yield start, end
                break


def spaced(text: str) -> str:
    """The text with a blank for each + and _ between a word and a digit, as links have it."""
    return re.sub(r"(?<=\w)[+_](?=\d)", " ", text)


def local_numbers(text: str, region: str) -> Iterator[tuple[int, int]]:
    """From where to where each number stands that is valid in the region without a prefix."""
    text = NO_PHONE.sub(_blotted, text)
    for match in phonenumbers.PhoneNumberMatcher(text, region, max_tries=len(text) + 1):
        yield match.start, match.end


def _blotted(match: re.Match[str]) -> str:
    return match[0] if PHONE_WITH_DOTS.fullmatch(match[0]) else "\0" * len(match[0])


def _parsed(text: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None


def is_possible(number: PhoneNumber) -> bool:
    """Whether its country has numbers of that length, dialled from anywhere: of a local part alone not."""
    return phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE

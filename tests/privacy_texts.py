"""Texts that name somebody, in every spelling that a shop's pages and people send, and texts that name nobody."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from urllib.parse import quote

import phonenumbers

REGION = "US"
Spelling = Callable[[str], str]

FULL_WIDTH = str.maketrans("0123456789@+.", "０１２３４５６７８９＠＋．")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")


def every_character_encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


EMAILS: dict[str, Spelling] = {
    "as it is": str,
    "in capitals": str.upper,
    "at sign encoded": lambda text: text.replace("@", "%40"),
    "encoded": lambda text: quote(text, safe=""),
    "encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "encoded thrice": lambda text: quote(quote(quote(text, safe=""), safe=""), safe=""),
    "each character encoded": every_character_encoded,
    "full width": lambda text: text.translate(FULL_WIDTH),
    "a zero-width space": lambda text: text.replace("@", "\u200b@"),
    "soft hyphens": lambda text: "\u00ad".join(text),
    "an HTML entity": lambda text: text.replace("@", "&#64;"),
    "a named entity": lambda text: text.replace("@", "&commat;"),
    "a JSON escape": lambda text: text.replace("@", "\\u0040"),
    "mailto": lambda text: f"mailto:{text}",
    "in angle brackets": lambda text: f"<{text}>",
    "in quotes": lambda text: f"'{text}'",
    "with an apostrophe": lambda text: f"o'{text}",
    "with a tag": lambda text: text.replace("@", "+shop@"),
    "a domain of one's own": lambda text: text.replace("example", "müller-łódź"),
    "a domain in ASCII": lambda text: text.replace("example", "xn--mller-kva"),
}


def in_groups(number: str, between: str) -> str:
    """+48600700800 -> +48 600 700 800, a card -> 4111 1111 ..."""
    if not number.startswith("+"):
        return between.join(number[place : place + 4] for place in range(0, len(number), 4))
    international = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return between.join(phonenumbers.format_number(phonenumbers.parse(number), international).replace("-", " ").split())


DIGITS: dict[str, Spelling] = {
    "as it is": str,
    "spaces": lambda text: in_groups(text, " "),
    "hyphens": lambda text: in_groups(text, "-"),
    "dots": lambda text: in_groups(text, "."),
    "underscores": lambda text: in_groups(text, "_"),
    "slashes": lambda text: in_groups(text, "/"),
    "no-break spaces": lambda text: in_groups(text, "\u00a0"),
    "thin spaces": lambda text: in_groups(text, "\u2009"),
    "dashes": lambda text: in_groups(text, " \u2013 "),
    "spaces encoded": lambda text: in_groups(text, "%20").replace("+", "%2B"),
    "encoded": lambda text: quote(in_groups(text, " "), safe=""),
    "encoded twice": lambda text: quote(quote(in_groups(text, " "), safe=""), safe=""),
    "each character encoded": every_character_encoded,
    "full width": lambda text: text.translate(FULL_WIDTH),
    "Arabic": lambda text: in_groups(text, " ").translate(ARABIC),
    "Devanagari": lambda text: text.translate(DEVANAGARI),
    "zero-width spaces": lambda text: in_groups(text, "\u200b"),
    "entities": lambda text: "".join(f"&#{ord(character)};" for character in text),
}
CARDS = {**DIGITS, "spaces as pluses": lambda text: in_groups(text, "+")}
PHONES = {
    **DIGITS,
    "tel": lambda text: f"tel:{text}",
    "00": lambda text: in_groups(text, " ").replace("+", "00"),
    "00 in one": lambda text: text.replace("+", "00"),
    "spaces as pluses": lambda text: in_groups(text, "+").replace("+", "%2B", 1),
    "in brackets": lambda text: (
        in_groups(text, " ").replace(" ", " (", 1).replace(" ", ") ", 2).replace(") (", " (", 1)
    ),
}
LOCAL: dict[str, Spelling] = {
    "as it is": str,
    "brackets": lambda text: f"({text[:3]}) {text[3:6]}-{text[6:]}",
    "hyphens": lambda text: f"{text[:3]}-{text[3:6]}-{text[6:]}",
    "dots": lambda text: f"{text[:3]}.{text[3:6]}.{text[6:]}",
    "spaces encoded": lambda text: f"{text[:3]}%20{text[3:6]}%20{text[6:]}",
    "spaces as pluses": lambda text: f"{text[:3]}+{text[3:6]}+{text[6:]}",
    "with a one": lambda text: f"1-{text[:3]}-{text[3:6]}-{text[6:]}",
    "full width": lambda text: text.translate(FULL_WIDTH),
}
AROUND = ("{}", "call {} today", "({})", "{}, please", "/p?x={}&y=1", "https://s.example/a#{}", "/to/{}/x", "a;{};b")


def email(rng: Random) -> str:
    return f"{rng.choice(('ola', 'jan.k', 'x_1', 'a-b'))}{rng.randrange(10**6)}qx@mail{rng.randrange(100)}.example.org"


def phone(rng: Random) -> str:
    """A valid number of one of eight countries, as +<country><number>."""
    while True:
        country, size = rng.choice(((48, 9), (49, 11), (44, 10), (33, 9), (1, 10), (34, 9), (46, 9), (91, 10)))
        number = f"+{country}{rng.randrange(10 ** (size - 1), 10**size)}"
        if phonenumbers.is_valid_number(phonenumbers.parse(number)):
            return number


def local(rng: Random) -> str:
    while True:
        number = f"{rng.randrange(2 * 10**9, 10**10)}"
        if phonenumbers.is_valid_number(phonenumbers.parse(number, REGION)):
            return number


def card(rng: Random) -> str:
    start, size = rng.choice((("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16), ("3528", 16), ("62", 16)))
    digits = start + "".join(str(rng.randrange(10)) for _ in range(size - len(start) - 1))
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    return f"{digits}{-(doubled + sum(map(int, digits[-2::-2]))) % 10}"


def naming(rng: Random) -> tuple[str, str, str]:
    """What it names, the spelling's name and the text."""
    invented, spellings = rng.choice(((email, EMAILS), (phone, PHONES), (local, LOCAL), (card, CARDS)))
    identifier, spelling = invented(rng), rng.choice(sorted(spellings))
    return identifier, f"{invented.__name__}, {spelling}", rng.choice(AROUND).format(spellings[spelling](identifier))


def moment(rng: Random) -> datetime:
    return datetime.fromtimestamp(rng.randrange(1_300_000_000, 1_800_000_000), UTC)


def barcode(rng: Random, start: str = "", size: int = 13) -> str:
    digits = start + "".join(str(rng.randrange(10)) for _ in range(size - 1 - len(start)))
    return f"{digits}{-(3 * sum(map(int, digits[::-2])) + sum(map(int, digits[-2::-2]))) % 10}"


def user_agent(rng: Random) -> str:
    engine = f"AppleWebKit/{rng.randrange(530, 610)}.{rng.randrange(40)} (KHTML, like Gecko)"
    return rng.choice(
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {engine} Chrome/{rng.randrange(60, 140)}.0."
            f"{rng.randrange(3000, 7000)}.{rng.randrange(220)} Safari/537.36",
            f"Mozilla/5.0 (iPhone; CPU iPhone OS {rng.randrange(9, 18)}_{rng.randrange(7)}_{rng.randrange(3)} like"
            f" Mac OS X) {engine} Version/{rng.randrange(9, 18)}.{rng.randrange(7)} Mobile/15E148 Safari/604.1",
            f"Dalvik/2.1.0 (Linux; U; Android {rng.randrange(6, 15)}; SM-G{rng.randrange(900, 999)}F Build/R16NW."
            f"{rng.randrange(10**9, 10**10)})",
            f"okhttp/{rng.randrange(3, 5)}.{rng.randrange(13)}.{rng.randrange(9)} shop/{rng.randrange(9)}."
            f"{rng.randrange(99)}.{rng.randrange(99)} (build {rng.randrange(10**6)})",
        )
    )


NAMING_NOBODY: tuple[tuple[str, Callable[[Random], str]], ...] = (
    ("user_agent", user_agent),
    (
        "page",
        lambda rng: (
            f"https://s.example/p/{rng.randrange(10**8)}?t={int(moment(rng).timestamp() * 1000)}"
            f"&utm_id={rng.randrange(10**8)}"
        ),
    ),
    (
        "page",
        lambda rng: (
            f"/search?q=lego+{rng.randrange(10**7, 10**8)}&from={moment(rng):%Y-%m-%d}&to={moment(rng):%Y-%m-%d}"
        ),
    ),
    (
        "page",
        lambda rng: (
            f"/img/logo@{rng.randrange(1, 4)}x.png?v={rng.randrange(9)}.{rng.randrange(99)}.{rng.randrange(999)}"
        ),
    ),
    ("page", lambda rng: f"/o/{uuid.UUID(int=rng.getrandbits(128), version=4)}"),
    ("page", lambda rng: f"/a%20b%2Fc?ts={int(moment(rng).timestamp())}"),
    ("query", lambda rng: f"SKU-{rng.randrange(10**5, 10**6)}-{rng.choice('ABC')}{rng.randrange(10**4)}"),
    ("query", lambda rng: f"{moment(rng):%Y-%m-%d} {moment(rng):%Y-%m-%d}"),
    ("query", lambda rng: f"{moment(rng):%Y-%m-%d %H:%M:%S}"),
    ("query", lambda rng: f"{moment(rng):%d.%m.%Y %H:%M} {moment(rng):%Y%m%dT%H%M%S}"),
    ("query", lambda rng: barcode(rng, rng.choice(("590", "400", "501", "761")))),
    ("query", lambda rng: f"isbn {barcode(rng, '978')}"),
    (
        "query",
        lambda rng: (
            f"978-{rng.randrange(10)}-{rng.randrange(10**3):03d}-{rng.randrange(10**5):05d}-{rng.randrange(10)}"
        ),
    ),
    (
        "query",
        lambda rng: (
            f"{rng.randrange(1, 5000)},{rng.randrange(100):02d} zł {rng.randrange(100)} x {rng.randrange(100)} cm"
        ),
    ),
    ("query", lambda rng: f"DN{rng.randrange(10**4, 10**5)}-{rng.randrange(10**4)} rozmiar {rng.randrange(34, 48)}"),
    ("query", lambda rng: f"v{rng.randrange(9)}.{rng.randrange(30)}.{rng.randrange(3000)}.{rng.randrange(300)}"),
)


def naming_nobody(rng: Random) -> tuple[str, str]:
    """A field's name and its text."""
    field, text = rng.choice(NAMING_NOBODY)
    return field, text(rng)

"""What names somebody goes, however it is written and encoded, and what only looks like it stays."""

import re
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.privacy.card_numbers import is_card
from jobs.privacy.free_text import scrubbed, scrubbed_agent
from jobs.privacy.plain_text import plain, replaced
from tests.privacy_texts import CARDS, EMAILS, LOCAL, PHONES, REGION, naming, naming_nobody

MANY = 10_000
MOST_SPOILT = MANY // 1000


def stays(identifier: str, kept: str) -> bool:
    """Whether a reader of the text finds an address's mailbox or a number's last six digits in it."""
    read = plain(kept).text.casefold()
    if "@" in identifier:
        return identifier.partition("@")[0].casefold() in read
    return identifier[-6:] in re.sub(r"\D", "", read)


def test_none_of_ten_thousand_stays() -> None:
    assert sum(map(len, (EMAILS, PHONES, LOCAL, CARDS))) >= 30
    rng, left, spellings = Random(20261127), Counter[str](), Counter[str]()
    for _ in range(MANY):
        identifier, spelling, text = naming(rng)
        assert stays(identifier, text), (identifier, text)
        spellings[spelling] += 1
        left[spelling] += stays(identifier, scrubbed(text, REGION))
    assert len(spellings) == sum(map(len, (EMAILS, PHONES, LOCAL, CARDS)))
    assert +left == Counter()


def test_at_most_one_in_a_thousand_that_name_nobody_is_changed() -> None:
    rng = Random(20261127)
    texts = [naming_nobody(rng) for _ in range(MANY)]
    changed = [
        text
        for field, text in texts
        if text != (scrubbed_agent(text) if field == "user_agent" else scrubbed(text, REGION))
    ]
    assert len(changed) <= MOST_SPOILT, changed[:20]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://shop.example/?email=ola.kot%2Bnews%40example.org", "https://shop.example/?email=[email]"),
        ("/?to=%2Fx%253Femail%253Dola.kot%2540example.org&y=1", "/?to=%2Fx%253Femail%253D[email]&y=1"),
        ("write to pat.o'neil@example.org.", "write to [email]."),
        ("'ola@example.org'", "'[email]'"),
        ("?tel=%2B48600700800&x=1", "?tel=[phone]&x=1"),
        ("4111.1111.1111.1111", "[card]"),
        ("4111%201111%201111%201111", "[card]"),
        ("q=4111+1111+1111+1111", "q=[card]"),
        ("4111 1111 1111 1111 12/26 123", "[card] 12/26 123"),
        ("２０２-555-０１４３", "[phone]"),
        ("٢٠٢ ٥٥٥ ٠١٤٣", "[phone]"),
        ("call 0048 600 700 800", "call [phone]"),
        ("1.202.555.0143", "[phone]"),
        ("2017-03-01T10:1+48 601 234 56702Z", "2017-03-01T10:1[phone]02Z"),
    ],
)
def test_only_what_names_somebody_is_replaced(text: str, expected: str) -> None:
    assert scrubbed(text, REGION) == expected


@pytest.mark.parametrize(
    "text",
    [
        "?t=1511913600000",
        "?t=1511913600",
        "5901234123457",
        "4006381333931",
        "2024-07-18 2024-10-23",
        "41111111-1111-4111-8111-111111111111",
        "?q=lego+10276001",
        "logo@2x.png",
        "x@y",
        "a@1.5",
        "978-0-306-40615-7",
        "192.168.100.104",
        "%E4%F6%zz%",
        "&#9999999;",
        "&#x110000;",
        "\\ud800",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert scrubbed(text, REGION) == text


def test_a_browser_keeps_its_versions_and_loses_who_is_behind_it() -> None:
    agent = "Mozilla/5.0 Chrome/80.0.3987.162 (+mailto:{}; call {})"
    assert scrubbed_agent(agent.format("bot%40example.org", "+48 601 770 530")) == agent.format("[email]", "[phone]")


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("4111111111111111", True),
        ("4222222222222", True),  # Visa's old length, and no barcode
        ("378282246310005", True),
        ("30569309025904", True),
        ("6011111111111117", True),
        ("3530111333300000", True),
        ("2223003122003222", True),
        ("6759649826438453", True),
        ("4111111111111112", False),  # Luhn
        ("1111111111111117", False),  # nobody's
        ("41111111111111", False),  # Visa has no fourteen
    ],
)
def test_a_card_has_an_issuer_its_length_and_a_check_digit(digits: str, expected: bool) -> None:
    assert is_card(digits) is expected


ESCAPES = st.sampled_from(
    ("%40", "%2540", "%25", "%C3%B3", "%ff", "&#64;", "&commat;", "\\u0040", "\u200b", "４", "%", "+")
)


@given(st.lists(ESCAPES | st.text(max_size=4), max_size=12).map("".join))
def test_the_plain_text_knows_where_each_character_stood(text: str) -> None:
    view = plain(text)
    assert len(view.text) == len(view.starts) == len(view.ends)
    assert list(view.starts) == sorted(view.starts) and list(view.ends) == sorted(view.ends)
    assert all(start < end for start, end in zip(view.starts, view.ends, strict=True))
    for place in range(len(view.text)):
        start, end = view.starts[place], view.ends[place]
        assert replaced(text, view, [(place, place + 1, "X")]) == f"{text[:start]}X{text[end:]}"

"""Encodings: alike where the texts are, under one secret; and nothing of the text in them."""

import base64
import itertools

import pytest
from pyspark.sql import SparkSession

from expectations.source_contract import source_contract
from expectations.source_rules import UNREADABLE
from jobs.privacy.keyed_encodings import BITS, encodings_of, parts_of, sound
from jobs.privacy.keys import Secrets
from jobs.privacy.message import Protection
from jobs.sources.landing import protected

KINDS = source_contract("crm").encodings
FIRST = Secrets((b"1" * 32,), (b"k" * 32,))
OTHER = Secrets((b"2" * 32,), (b"k" * 32,))
ROTATED = Secrets((b"1" * 32, b"2" * 32), (b"k" * 32,))
JO = {
    "given_name": "Johanna",
    "surname": "Müller-Lüdenscheidt",
    "street": "12 Kirkland Circuit",
    "birth_date": "1990-05-17",
    "postcode": "2610",
    "city": "Queanbeyan",
}


def encoded(secrets: Secrets = FIRST, **fields: str | None) -> dict[str, str]:
    """Only these fields."""
    entries = encodings_of({**dict.fromkeys(JO), **fields}, KINDS, secrets)
    assert entries is not None
    return entries


def dice(field: str, one: str, other: str) -> float:
    """Of the filters of two texts, counted from the bytes as they lie in the lake."""
    left, right = (
        int.from_bytes(base64.b64decode(encoded(**{field: text})[field], validate=True)) for text in (one, other)
    )
    return 2 * (left & right).bit_count() / (left.bit_count() + right.bit_count())


def test_which_fields_are_encoded() -> None:
    assert set(KINDS) == set(JO)
    entries = encoded(**JO)
    assert set(entries) == {*JO, "given_name_sound", "surname_sound", "city_sound", "version"}
    assert {len(base64.b64decode(entries[field])) * 8 for field in JO} == {BITS}
    assert encodings_of(dict.fromkeys(JO), KINDS, FIRST) is None
    assert encodings_of({**dict.fromkeys(JO), "surname": " - "}, KINDS, FIRST) is None, "nothing to compare"


@pytest.mark.parametrize(
    ("field", "one", "other", "why"),
    [
        ("surname", "Müller ", "MULLER", "accents, case and blanks"),
        ("surname", "van der Berg", "Vanderberg", "blanks within"),
        ("street", "40 Kirkland Circuit", "40 kirklandc ircuit", "a blank in the wrong place"),
        ("birth_date", "1990-05-17", "1990-05-17T00:00:00", "a time of day"),
        ("birth_date", "19900517", "1990-05-17", "no hyphens"),
        ("postcode", "AB1 2CD", "ab12cd", "blanks in a code"),
    ],
)
def test_one_text_in_two_spellings_is_one_encoding(field: str, one: str, other: str, why: str) -> None:
    assert encoded(**{field: one})[field] == encoded(**{field: other})[field], why


@pytest.mark.parametrize(
    ("field", "one", "other", "least", "most", "why"),
    [
        ("surname", "Kowalska", "Kowalksa", 0.6, 0.85, "two letters that changed places"),
        ("surname", "Kowalska", "Kowalsk", 0.8, 0.99, "one that lacks"),
        ("surname", "Kowalska", "Hughes", 0.0, 0.4, "another name"),
        ("street", "12 Kirkland Circuit", "112 Kirkland Circiut", 0.7, 0.95, "two errors in a long text"),
        ("birth_date", "1990-05-17", "1990-05-18", 0.75, 0.9, "one digit"),
        ("birth_date", "1990-05-17", "1990-17-05", 0.5, 0.9, "day and month that changed places"),
        ("birth_date", "1990-05-17", "1974-11-02", 0.0, 0.5, "another day"),
    ],
)
def test_texts_alike_stay_alike(field: str, one: str, other: str, least: float, most: float, why: str) -> None:
    assert least <= dice(field, one, other) <= most, why


def test_another_secret_gives_another_encoding_and_says_so() -> None:
    mine, theirs, rotated = (encoded(secrets, **JO) for secrets in (FIRST, OTHER, ROTATED))
    for field in (*JO, "surname_sound"):
        assert len({mine[field], theirs[field]}) == 2 and mine[field] != rotated[field]
    assert (mine["version"], rotated["version"]) == ("1", "2")
    assert encoded(**JO) == mine, "and the same one the same"


def test_names_that_changed_places_are_seen_and_other_kinds_share_nothing() -> None:
    entries = encoded(given_name="Lee", surname="Lee", street="Lee", city="Lee")
    assert entries["given_name"] == entries["surname"] and entries["given_name_sound"] == entries["surname_sound"]
    assert entries["street"] != entries["surname"]


def test_no_text_and_no_part_of_it_can_be_read() -> None:
    """Neither as it lies there nor decoded."""
    lying = "".join(encoded(**JO).values()).casefold()
    for field, text in JO.items():
        decoded = base64.b64decode(encoded(**{field: text})[field])
        assert text.casefold() not in lying and text.encode() not in decoded
        assert not [part for part in parts_of(KINDS[field], text) if len(part) > 3 and part.encode() in decoded]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Robert", "Rupert"), ("Ashcraft", "Ashcroft"), ("Tymczak", "Tymczag"), ("Müller", "Muller"), ("Smith", "Smyth")],
)
def test_names_that_sound_alike(one: str, other: str) -> None:
    assert sound(one) == sound(other)


def test_soundex_is_that_of_its_examples() -> None:
    """Of the National Archives' description."""
    examples = {"Washington": "w252", "Lee": "l000", "Gutierrez": "g362", "Pfister": "p236", "Jackson": "j250"}
    examples |= {"Tymczak": "t522", "Ashcraft": "a261"}
    assert {name: sound(name) for name in examples} == examples


def test_names_in_other_letters_sound_like_themselves() -> None:
    assert len({sound(name) for name in ("Иванов", "Петров", "王")}) == 3


def test_all_pairs_of_a_hundred_names_are_less_alike_than_one_with_an_error() -> None:
    names = [
        f"{first}{second}" for first, second in itertools.product(("Kow", "Hug", "Tra", "Mos"), ("al", "hes", "ton"))
    ]
    assert max(dice("surname", one, other) for one, other in itertools.combinations(names, 2)) < 0.75


@pytest.mark.parametrize("is_enabled", [True, False])
def test_rows_land_with_tokens_and_with_encodings_where_they_are_wanted(spark: SparkSession, is_enabled: bool) -> None:
    contract = source_contract("crm")
    rows = [{"user_id": "1", **JO, "attributes": {"age": "31"}}, {"user_id": "2", "attributes": {}}]
    schema = ", ".join(f"{name} {type_}" for name, type_ in {**contract.columns, UNREADABLE: "string"}.items())
    names = [*contract.columns, UNREADABLE]
    frame = spark.createDataFrame([tuple(map(row.get, names)) for row in rows], schema)
    jo, nameless = (
        frame.transform(protected(Protection(FIRST, "US"), contract, is_enabled)).orderBy("user_id").collect()
    )
    assert jo["encodings"] == (encoded(**JO) if is_enabled else None) and nameless["encodings"] is None
    assert jo["surname"].startswith("surname.v1.") and jo["attributes"] == {"age": "31"}
    readable = {text for name, text in JO.items() if name not in ("postcode", "city")}
    assert not [text for text in readable if text in str(jo)]

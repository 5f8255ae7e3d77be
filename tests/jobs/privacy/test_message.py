"""A message made safe names nobody any more, and is otherwise the message it was."""

import json
import math
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from expectations.identifiers import direct, may_name_someone
from jobs.privacy.keys import Secrets
from jobs.privacy.message import Protection, safe, safe_key
from tests.events import PAYLOADS, event, received
from tests.planting import planted

HOW = Protection(Secrets((b"1" * 32,), (b"k" * 32,)), "US")
CARDS = ("4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009")
PHONES = ("+48 601 234 567", "(212) 456-7890", "212-456-7890", "+1 (212) 456-7890")


def kept(message: dict[str, Any] | str) -> dict[str, Any]:
    protected = safe((json.dumps(message) if isinstance(message, dict) else message).encode(), HOW)
    assert protected is not None
    fields: dict[str, Any] = json.loads(protected)
    return fields


def test_identifiers_become_tokens_wherever_they_stand() -> None:
    fields = {name: f"value of {name}" for name in direct()}
    safe_fields = kept({"a": [{"b": fields}], "E-Mail": "x@y.example", "name": {"first": "Jan", "n": [1, None, True]}})
    assert all(safe_fields["a"][0]["b"][name].startswith(f"{kind}.v1.") for name, kind in direct().items())
    assert safe_fields["E-Mail"].startswith("email.v1.")
    assert safe_fields["name"]["first"].startswith("name.v1.") and safe_fields["name"]["n"][1:] == [None, True]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("firstName", "first_name", "First-Name", "FIRST_NAME"), "given_name"),
        (("last_name", "lastName"), "surname"),
        (("full_name", "fullName"), "name"),
        (("birthday", "dob", "DOB", "date_of_birth"), "birth_date"),
        (("address", "Address"), "postal_address"),
        (("phone_number", "phoneNumber", "mobile", "Mobile-Phone"), "phone"),
        (("ip_address", "x_forwarded_for", "X-Forwarded-For", "$ip"), "ip"),
    ],
)
def test_an_identifier_is_known_by_whatever_spelling(names: tuple[str, ...], kind: str) -> None:
    for name in names:
        assert kept({"context": {name: "value"}})["context"][name].startswith(f"{kind}.v1."), name


def test_an_address_leaves_its_network() -> None:
    assert kept({"context": {"ip": "203.0.113.9"}})["context"]["ip_network"] == "203.0.113.0/24"


@pytest.mark.parametrize("named", [*CARDS, *PHONES, "anna.nowak@example.com", "x?mail=anna%40example.com"])
def test_free_text_is_scrubbed(named: str) -> None:
    words = kept(event("search", payload={"query": f"call {named} today"}))["payload"]["query"]
    assert words.startswith("call ") and words.endswith(" today") and "[" in words
    assert not any(part in words for part in ("anna", "1111", "0000", "456", "601"))


@pytest.mark.parametrize("words", ["red cup 5901234123450", "4111 1111 1111 1112", "iPhone 15 256 GB", "2017-12-04"])
def test_what_names_nobody_stays(words: str) -> None:
    assert kept(event("search", payload={"query": words}))["payload"]["query"] == words


def test_ids_stay_equal_where_equal_and_different_where_not() -> None:
    ids = [kept(event(user_id=name))["user_id"] for name in ("a@b.example", "A@b.example", "c@b.example", "31198459")]
    assert ids[0] == ids[1] != ids[2] and ids[3] == "31198459"
    assert safe_key(b"a@b.example", HOW) == ids[0].encode()
    assert safe_key(b"\xff", HOW) is None


@pytest.mark.parametrize(
    "message", ["", "[]", '"x"', "1", '{"a":1} x', '{"a":1}{"b":2}', '{"a":NaN}', "{'a':1}", "\ufeff{}", '{"a":' * 5000]
)
def test_what_is_no_object_is_not_kept_readable(message: str) -> None:
    assert safe(message.encode(), HOW) is None
    assert safe(b"\xff" + message.encode(), HOW) is None


def test_all_else_stands_as_it_was() -> None:
    odd = '{"a":1.0,"a":2,"big":12345678901234567890123,"e":1e999,"s":"\\ud800","é":"ż\\n","n":null,"t":[true,{}]}'
    assert safe(odd.encode(), HOW) == odd.encode()


HOSTILE = [
    "x",
    "1",
    "1 ",
    "+1",
    "+1 ",
    "(",
    "x@",
    "x.",
    "%40",
    "@x",
    "4111 1111 1111 1111 ",
    "\\u0031",
    "\\ud800",
    "-.-",
]


@pytest.mark.parametrize("part", HOSTILE)
@pytest.mark.parametrize("around", ["{}", "{}@", "@{}", "+{}", "{}%40y"])
def test_no_text_takes_time_by_its_square(part: str, around: str) -> None:
    def seconds(size: int) -> float:
        text = around.format(part * (size // len(part)))
        message = f'{{"query":"{text}","user_id":"{text}"}}'.encode()
        best = math.inf
        for _ in range(2):
            start = time.process_time()
            assert safe(message, HOW) is not None
            best = min(best, time.process_time() - start)
        return best

    assert seconds(64 << 10) < 64 * max(seconds(4 << 10), 0.002)  # 16 times the text; by the square it is 256 times


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("abc -,."),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_id", min_size=1), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text("abc_", min_size=1), ANYTHING, max_size=4))
def test_a_harmless_message_is_itself(message: dict[str, Any]) -> None:
    assert kept(message) == message


def test_the_cheap_test_on_the_text_lets_no_identifier_pass(spark: SparkSession) -> None:
    messages = planted(random.Random(7))
    assert len(messages) > 1_000
    frame = received(spark, messages).withColumn(
        "asked", may_name_someone(F.col("value").cast("string"), committed_contract())
    )
    passed = [messages[row["offset"]] for row in frame.where("NOT asked").collect()]
    assert passed == []


def test_the_cheap_test_lets_ordinary_messages_pass(spark: SparkSession) -> None:
    messages = [event(kind) for kind in PAYLOADS]
    frame = received(spark, messages).withColumn(
        "asked", may_name_someone(F.col("value").cast("string"), committed_contract())
    )
    types = [messages[row["offset"]]["event_type"] for row in frame.where("asked").collect()]
    assert types == ["profile_update"]  # its attributes have names of their own

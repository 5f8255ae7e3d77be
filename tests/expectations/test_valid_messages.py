"""A message that is called valid is one in which a look at each value finds nothing wrong, and nothing to change."""

import functools
import json
import re
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations import validation
from expectations.contract import Contract, EventVersion, committed_contract
from expectations.judging import judge
from expectations.nodes import Array, Boolean, Field, Map, Number, Object, Text
from expectations.valid_messages import are_valid, valid_and_harmless
from expectations.validation import with_validation
from tests.events import event, received
from tests.expectations.messages import events, spoilt, version_1
from tests.poison import POISON

PIECES = [
    b" ",
    b"\t",
    b"null",
    b"1",
    b"0",
    b"-",
    b".5",
    b"e9",
    b"1e",
    b'"',
    b"\\",
    b"\\u0041",
    b"\\ud800",
    b",",
    b"}",
    b"{",
    b"[",
    b"\xff",
]


def flags(messages: list[bytes], contract: Contract) -> list[bool]:
    return list(map(bool, are_valid(pa.array(messages, pa.binary()), contract)))


def numbers(message: bytes) -> Any:
    """The message, its numbers by their value; of a name that stands twice the last, and no field that is null."""
    return json.loads(
        message, object_pairs_hook=lambda pairs: {name: one for name, one in dict(pairs).items() if one is not None}
    )


@functools.cache
def drawn_events(version: EventVersion) -> list[dict[str, Any]]:
    """Valid events of that version."""
    valid: list[dict[str, Any]] = []

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(events(version))
    def draw(event: dict[str, Any]) -> None:
        valid.append(event)

    draw()
    return valid


def drawn(version: EventVersion) -> list[bytes]:
    """Valid events of that version, each spoilt as JSON; and every place of some of them with every piece put there."""
    valid, chance = drawn_events(version), Random(1)
    texts = [json.dumps(event).encode() for event in valid]
    texts += [json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() for event in valid]
    texts += [spoilt(event, chance).encode("utf-8", "surrogatepass") for event in valid for _ in range(12)]
    for text in map(bytes, texts[::10]):
        places = [place.end() for place in re.finditer(rb'[:,\[{"] ?', text)]
        texts += [text[:at] + piece + text[at + gone :] for at in places for piece in PIECES for gone in (0, 1)]
    return texts


@pytest.mark.parametrize("version", committed_contract().versions, ids=lambda one: f"{one.event_type}-v{one.version}")
def test_a_look_at_each_value_finds_nothing(version: EventVersion) -> None:
    contract, messages = committed_contract(), drawn(version)
    valid = [message for message, is_valid in zip(messages, flags(messages, contract), strict=True) if is_valid]
    assert len(messages) > 1_000 and len(valid) > 20
    for message in valid:
        seen = judge(message, contract)
        assert (seen.reasons, seen.extra) == ([], {}), message
        assert seen.text is not None and numbers(seen.text.encode()) == numbers(message)


def test_spark_reads_a_valid_message_as_what_is_left_of_it_after_a_look_at_each_value(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one with a name that stands twice, an odd number, an escape, or space about it."""
    contract = committed_contract()
    payload, context = {"item_id": "5", "price": 777}, {"page": "/", "os": "a"}
    whole = json.dumps(event(event_id="e", anonymous_id="a-1", context=context, payload=payload))
    prices = ("1e5", "-0.0", "0.1e-7", "12345678901234567890", "1E+2", "9e307")
    last = ('"user_id": null', '"user_id": "8"', '"context": null', '"context": {}')
    odd = [
        *[whole.replace("777", price) for price in prices],
        *[f"{whole[:-1]}, {more}}}" for more in last],
        *[whole.replace('"os": "a"', more) for more in ('"os": "a", "os": null', '"os": null, "os": "b"')],
        f" \n{whole}\t",
        whole.replace("page", "\\u0070age"),
        whole.replace('"/"', '"\\/\\ud83d\\ude00\\u00e9"'),
        whole.replace("777", f"0.{'1' * 1200}"),  # which Spark's parser gives up
    ]
    attributes = '{"a": 1, "a": 2.50, "b": null, "c": true, "d": "x", "e": 1e3, "f": 12345678901234567890}'
    profile = json.dumps(event("profile_update", event_id="p", payload={"attributes": {}}))
    messages = [text.encode() for text in [*odd, profile.replace("{}", attributes)]]
    messages += [json.dumps(one).encode() for version in contract.versions for one in drawn_events(version)]
    valid = [message for message, is_valid in zip(messages, flags(messages, contract), strict=True) if is_valid]
    assert len(valid) > 200 and set(messages[:12]) <= set(valid)

    def read() -> list[Any]:
        frame = received(spark, valid).transform(with_validation(contract))
        return frame.select("offset", "reasons", F.to_json("event")).orderBy("offset").collect()

    believed = read()
    monkeypatch.setattr(validation, "are_valid", lambda messages, _: np.zeros(len(messages), bool))
    validation._steps.cache_clear()
    try:
        looked_at = read()
    finally:
        validation._steps.cache_clear()
    assert believed == looked_at


def test_most_valid_messages_take_no_look_at_each_value() -> None:
    contract = committed_contract()
    for version in contract.versions:
        if version.event_type == "profile_update":  # of free names one may stand twice
            continue
        messages = [json.dumps(event).encode() for event in drawn_events(version)]
        of_integers = [message for message in messages if b".0" not in message]  # some are written so
        assert sum(flags(of_integers, contract)) > 0.9 * len(of_integers) > 5, version[:2]


def test_no_poison_is_valid_in_which_a_look_at_each_value_finds_something() -> None:
    messages = [poison.value for poison in POISON if poison.value is not None]
    for message, is_valid in zip(messages, flags(messages, committed_contract()), strict=True):
        assert not is_valid or judge(message, committed_contract())[1:] == ([], {}), message[:500]


def test_valid_is_by_the_contract_in_force() -> None:
    later = json.dumps(event("search", schema_version=2, payload={"text": "bread"})).encode()
    assert flags([later], version_1()) == [False]
    assert flags([later], committed_contract()) == [True]
    assert version_1().digest != committed_contract().digest


def test_what_is_harmless_is_valid() -> None:
    messages = [message for version in committed_contract().versions[::4] for message in drawn(version)]
    array = pa.array([*messages, None], pa.binary())
    harmless = np.array([one is not None for one in valid_and_harmless(array, committed_contract())])
    assert harmless.sum() > 0 and not (harmless & ~are_valid(array, committed_contract())).any()
    assert not harmless[-1]


ODD_NODES = {
    "number of several": (Number(values=(0.5, 1.0)), 0.5, 0.7),
    "integer of several": (Number(is_whole=True, values=(1, 2)), 1, 3),
    "integer between fractions": (Number(is_whole=True, minimum=0.5, maximum=2.5), 2, 3),
    "multiple": (Number(multiple_of=0.25), 0.5, 0.3),
    "text of several": (Text(values=("a", "bcd"), max_length=2), "a", "bcd"),
    "text of none": (Text(values=("abc",), max_length=2), None, "abc"),
    "pattern with a group": (Text(pattern=r"(a|b)\1$", is_id=True), "xaa", "ab"),
    "end in a set": (Text(pattern=r"^[$]$"), "$", "$\n"),
    "any scalars": (Map(("string", "null")), {"a": None, "b": "x"}, {"a": 1}),
    "anything": (Map(), {}, None),
    "list with null": (Array(Text(min_length=1), may_be_null=True, max_items=2), ["a", None], ["a", ""]),
    "one of": (Array(Object((Field("a", Text()), Field("b", Text())), any_of=("a", "b"))), [{"a": "x"}], [{"a": None}]),
    "a name of Python's": (
        Object((Field("class", Boolean(), is_required=True), Field("a b", Text()))),
        {"class": True},
        {},
    ),
}


@pytest.mark.parametrize("case", ODD_NODES)
def test_a_shops_own_contract(case: str) -> None:
    node, good, bad = ODD_NODES[case]
    payload = Object((Field("value", node),))
    contract = Contract(committed_contract().envelope, (EventVersion("search", 1, payload),))

    def message(value: Any) -> bytes:
        return json.dumps(event("search", payload={"value": value})).encode()

    if good is not None:
        assert judge(message(good), contract).reasons == []
        assert flags([message(good)], contract) == [
            case not in ("number of several", "any scalars")
        ]  # nor can a decoder
    if bad is not None:
        assert len(judge(message(bad), contract).reasons) == 1 and flags([message(bad)], contract) == [False]


def test_a_contract_of_thousands_of_fields() -> None:
    payload = Object(tuple(Field(f"field_{number}", Text()) for number in range(2_000)))
    contract = Contract(committed_contract().envelope, (EventVersion("search", 1, payload),))
    message = json.dumps(event("search", payload={"field_7": "x"})).encode()
    assert flags([message], contract) == [True] and judge(message, contract)[1:] == ([], {})

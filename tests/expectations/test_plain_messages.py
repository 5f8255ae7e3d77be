"""A message that is called plain is one that a second look would find nothing wrong with, and leave as it is."""

import json
import re
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from expectations.contract import Contract, EventVersion, committed_contract
from expectations.nodes import Field, Object, Text
from expectations.plain_messages import are_plain, are_plain_and_harmless
from expectations.type_recheck import recheck
from tests.events import event
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
    return list(map(bool, are_plain(pa.array(messages, pa.binary()), contract)))


def numbers(message: bytes) -> Any:
    """The message, its numbers by their value; of a name that stands twice the last, and no field that is null."""
    return json.loads(
        message, object_pairs_hook=lambda pairs: {name: one for name, one in dict(pairs).items() if one is not None}
    )


def drawn(version: EventVersion) -> list[bytes]:
    """Valid events of that version, each spoilt as JSON; and every place of some of them with every piece put there."""
    valid: list[dict[str, Any]] = []

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(events(version))
    def draw(event: dict[str, Any]) -> None:
        valid.append(event)

    draw()
    chance = Random(1)
    texts = [json.dumps(event).encode() for event in valid]
    texts += [json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() for event in valid]
    texts += [spoilt(event, chance).encode("utf-8", "surrogatepass") for event in valid for _ in range(12)]
    for text in map(bytes, texts[::10]):
        places = [place.end() for place in re.finditer(rb'[:,\[{"] ?', text)]
        texts += [text[:at] + piece + text[at + gone :] for at in places for piece in PIECES for gone in (0, 1)]
    return texts


@pytest.mark.parametrize("version", committed_contract().versions, ids=lambda one: f"{one.event_type}-v{one.version}")
def test_a_second_look_finds_nothing(version: EventVersion) -> None:
    contract, messages = committed_contract(), drawn(version)
    plain = [message for message, is_plain in zip(messages, flags(messages, contract), strict=True) if is_plain]
    assert len(messages) > 1_000 and len(plain) > 20
    for message in plain:
        seen = recheck(message, contract)
        assert (seen.wrong, seen.extra) == ([], {}), message
        assert seen.text is not None and numbers(seen.text.encode()) == numbers(message)


def test_no_poison_is_plain_that_a_second_look_finds() -> None:
    messages = [poison.value for poison in POISON if poison.value is not None]
    for message, is_plain in zip(messages, flags(messages, committed_contract()), strict=True):
        assert not is_plain or recheck(message, committed_contract())[1:] == ([], {}), message[:500]


def test_plain_is_by_the_contract_in_force() -> None:
    later = json.dumps(event("search", schema_version=2, payload={"text": "bread"})).encode()
    assert flags([later], version_1()) == [False]
    assert flags([later], committed_contract()) == [True]
    assert version_1().digest != committed_contract().digest


def test_what_is_harmless_is_plain() -> None:
    messages = [message for version in committed_contract().versions[::4] for message in drawn(version)]
    array = pa.array([*messages, None], pa.binary())
    harmless = are_plain_and_harmless(array, committed_contract())
    assert harmless.sum() > 0 and not (harmless & ~are_plain(array, committed_contract())).any()
    assert not harmless[-1]


@pytest.mark.parametrize(("fields", "is_plain"), [(100, True), (20_000, False)])
def test_a_contract_too_large_for_a_pattern_costs_a_second_look_and_stops_nothing(fields: int, is_plain: bool) -> None:
    payload = Object(tuple(Field(f"field_{number}", Text()) for number in range(fields)))
    contract = Contract(committed_contract().envelope, (EventVersion("search", 1, payload),))
    message = json.dumps(event("search", payload={"field_7": "x"})).encode()
    assert flags([message], contract) == [is_plain]
    assert recheck(message, contract)[1:] == ([], {})

"""Versions beside one another: which column a field lands in, and what a folder of new versions may bring."""

import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest

from expectations.contract import EventVersion, committed_contract, payload_type, version_of
from expectations.evolution import extended
from expectations.nodes import ContractError, Field, Object, Text
from tests.expectations.messages import version_1

CONTRACTS = resources.files("expectations") / "contracts"


def file_of(event_type: str, version: int) -> dict[str, bytes]:
    name = f"{event_type}.v{version}.json"
    return {name: (CONTRACTS / name).read_bytes()}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, bytes]:
    """A version 3 of search: version 2, changed."""
    schema = json.loads((CONTRACTS / "search.v2.json").read_text())
    change(schema)
    return {"search.v3.json": json.dumps(schema).encode()}


def test_a_renamed_field_keeps_its_column() -> None:
    contract = committed_contract()
    landed = {("search", 1, "query"): "query", ("search", 2, "text"): "query", ("rating", 1, "text"): "text"}
    for (event_type, number, name), column in landed.items():
        version = contract.of_type(event_type)[number]
        assert contract.column(version, version.payload.field(name)) == column


def test_a_column_is_as_wide_as_its_widest_version() -> None:
    assert "`quantity`: int," in payload_type(version_1())
    assert "`quantity`: double," in payload_type(committed_contract())


def test_the_committed_later_versions_are_taken_up() -> None:
    later = [one for one in committed_contract().versions if one.version > 1]
    files = {name: text for one in later for name, text in file_of(one.event_type, one.version).items()}
    assert {"search.v2.json", "add_to_cart.v2.json"} <= {*files}
    assert extended(version_1(), files) == (committed_contract(), [])
    assert extended(committed_contract(), files) == (committed_contract(), [])


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"search.v2": b"{}"}, "search.v2 is not named <event_type>.v<version>.json"),
        ({"envelope.v2.json": b"{}"}, "envelope.v2.json is not named <event_type>.v<version>.json"),
        ({"search.v3.json": b"{nope"}, "search.v3.json is not a JSON Schema"),
        ({"search.v3.json": b'{"type": "nothing"}'}, "search.v3.json is not a JSON Schema"),
        ({"search.v3.json": b"{}"}, "search.v3.json: message: type: missing"),
        ({"search.v3.json": b'{"type": "string"}'}, "search.v3.json is not a JSON Schema of an object with properties"),
        ({"donation.v1.json": b'{"type": "object", "properties": {}}'}, "a new event type comes with a release"),
        ({"search.v4.json": next(iter(file_of("search", 2).values()))}, "the next version is 3"),
        ({"search.v1.json": next(iter(file_of("search", 2).values()))}, "one that is in force never changes"),
        (changed(lambda s: s["required"].append("sort")), "not backward compatible: sort: now required"),
        (
            changed(lambda s: s["properties"]["results"].update(exclusiveMinimum=0)),
            "results: exclusiveMinimum: no rule",
        ),
        (
            changed(lambda s: s["properties"]["results"].update(type="number")),
            "results: bigint cannot become double without a loss",
        ),
        (changed(lambda s: s["properties"].update(price={"type": "string"})), "search.price is string here and double"),
        (changed(lambda s: s["properties"].update(query={"type": "string"})), "two fields share column query"),
    ],
)
def test_what_cannot_be_taken_up_is_refused_alone(files: dict[str, bytes], why: str) -> None:
    good = json.loads((CONTRACTS / "rating.v1.json").read_text())
    good["properties"]["verified"] = {"type": "boolean"}
    contract, refused = extended(committed_contract(), {**files, "rating.v2.json": json.dumps(good).encode()})
    assert len(refused) == 1 and why in refused[0] and next(iter(files)).split(".")[0] in refused[0]
    assert sorted(contract.of_type("rating")) == [1, 2] and sorted(contract.of_type("search")) == [1, 2]


def test_types_that_do_not_meet_have_no_column() -> None:
    with pytest.raises(ContractError, match="rating.stars is string here and double"):
        committed_contract().with_version(EventVersion("rating", 2, Object((Field("stars", Text()),))))
    with pytest.raises(ContractError, match="not named"):
        version_of("search.json", Object(()))

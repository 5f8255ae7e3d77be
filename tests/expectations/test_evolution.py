"""Versions beside one another: which column a field lands in, and what a folder of new versions may bring."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from expectations.contract import ContractError, Kind, contract, kind_of, payload_type
from expectations.evolution import extended
from tests.expectations.messages import version_1


def file_of(event_type: str, version: int) -> dict[str, bytes]:
    return {f"{event_type}.v{version}.json": json.dumps(contract().payloads[event_type][version]).encode()}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, bytes]:
    """A version 3 of search: version 2, changed."""
    schema = copy.deepcopy(contract().payloads["search"][2])
    change(schema)
    return {"search.v3.json": json.dumps(schema).encode()}


def test_a_renamed_field_keeps_its_column() -> None:
    rules = contract()
    kinds = {kind[:2]: kind for kind in rules.kinds}
    assert rules.column(kinds["search", 1], "query") == "query"
    assert rules.column(kinds["search", 2], "text") == "query"
    assert rules.column(kinds["rating", 1], "text") == "text"


def test_a_column_is_as_wide_as_its_widest_version() -> None:
    assert "`quantity`: int," in payload_type(version_1())
    assert "`quantity`: double," in payload_type(contract())


def test_the_committed_second_versions_are_taken_up() -> None:
    files = {**file_of("search", 2), **file_of("add_to_cart", 2)}
    rules, refused = extended(version_1(), files)
    assert (rules.envelope, rules.kinds, refused) == (contract().envelope, contract().kinds, [])
    assert extended(contract(), files) == (contract(), [])


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"search.v2": b"{}"}, "search.v2 is not named <event_type>.v<version>.json"),
        ({"envelope.v2.json": b"{}"}, "envelope.v2.json is not named <event_type>.v<version>.json"),
        ({"search.v3.json": b"{nope"}, "search.v3.json is not a JSON Schema"),
        ({"search.v3.json": b'{"type": "nothing"}'}, "search.v3.json is not a JSON Schema"),
        ({"search.v3.json": b"{}"}, "search.v3.json is not a JSON Schema of an object with properties"),
        ({"donation.v1.json": b'{"type": "object", "properties": {}}'}, "a new event type comes with a release"),
        ({"search.v4.json": next(iter(file_of("search", 2).values()))}, "the next version is 3"),
        ({"search.v1.json": next(iter(file_of("search", 2).values()))}, "one that is in force never changes"),
        (changed(lambda s: s["required"].append("sort")), "not backward compatible: sort: now required"),
        (changed(lambda s: s["properties"]["results"].update(exclusiveMinimum=0)), "exclusiveMinimum: no rule is made"),
        (
            changed(lambda s: s["properties"]["results"].update(type="number")),
            "results: bigint cannot become double without a rewrite of the lake",
        ),
        (changed(lambda s: s["properties"].update(price={"type": "string"})), "search.price is string here and double"),
        (changed(lambda s: s["properties"].update(query={"type": "string"})), "two fields share column query"),
    ],
)
def test_what_cannot_be_taken_up_is_refused_alone(files: dict[str, bytes], why: str) -> None:
    good = copy.deepcopy(contract().payloads["rating"][1])
    good["properties"]["verified"] = {"type": "boolean"}
    rules, refused = extended(contract(), {**files, "rating.v2.json": json.dumps(good).encode()})
    assert len(refused) == 1 and why in refused[0] and next(iter(files)).split(".")[0] in refused[0]
    assert sorted(rules.payloads["rating"]) == [1, 2] and sorted(rules.payloads["search"]) == [1, 2]


def test_types_that_do_not_meet_have_no_column() -> None:
    with pytest.raises(ContractError, match="rating.stars is string here and double"):
        contract().with_payload(Kind("rating", 2, {"properties": {"stars": {"type": "string"}}}))
    with pytest.raises(ContractError, match="not named"):
        kind_of("search.json", {})

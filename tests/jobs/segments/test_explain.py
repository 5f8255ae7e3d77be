"""`lakehouse segments explain` and `preview`, as they are typed, on a small shop."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from jobs.commands.app import app
from jobs.lake.lake import Lake
from tests.jobs.segment_rules.histories import DAY, HOUR, NOW
from tests.jobs.segments.shop import Shop, bought

pytestmark = pytest.mark.usefixtures("lake_in_session")
AS_OF = ("--as-of", "2026-06-01T12:00:00Z")


def lakehouse(*words: str) -> str:
    run = CliRunner().invoke(app, ["segments", *words, *AS_OF])
    assert run.exit_code == 0, run.output
    return run.stdout


def test_a_rule_is_tried_and_a_person_explained(lake: Lake) -> None:
    shop = Shop(lake)
    cart: dict[str, Any] = {"event_type": "add_to_cart", "context": {}, "payload": {"item_id": "boot"}}
    shop.arrive({"a": [bought(NOW - 40 * DAY), {**cart, "at": NOW - HOUR}], "b": [bought(NOW - DAY)]}, NOW)

    seen = json.loads(lakehouse("preview", 'any("purchase")', "--json"))
    assert seen == {"size": 2, "overlaps": {}, "members": ["a", "b"]}
    assert lakehouse("preview", 'any("purchase", within="30d")').strip() == "1 people, such as b"
    wrong = CliRunner().invoke(app, ["segments", "preview", 'any("purchse")'])
    assert wrong.exit_code == 1 and "did you mean purchase?" in f"{wrong.exception} {wrong.output}"

    told = json.loads(lakehouse("explain", "a", "cart_abandoners", "--json"))
    assert told["is_in"] and told["until"] == "2026-06-02 11:00:00+00:00", "a day after the cart"
    clauses = {one["text"]: one for one in told["clauses"]}
    assert [one["is_true"] for one in told["clauses"]] == [True, True, False]
    within = clauses["any('add_to_cart', within='24h')"]
    assert [(event[1], event[2]) for event in within["events"]] == [("add_to_cart", "2026-06-01 11:00:00+00:00")]
    other = json.loads(lakehouse("explain", "a", "win_back", "--json"))
    assert not other["is_in"] and {one["depth"] for one in other["clauses"]} == {0, 1}, "what other segments say too"
    text = lakehouse("explain", "b", "buyers")
    assert "b is in buyers, until 2026-06-30 12:00:00 UTC if nothing happens" in " ".join(text.split())

"""`lakehouse profile`, as an operator types it, on a small lake."""

import json

import pytest
from typer.testing import CliRunner

from jobs.commands.app import app
from jobs.lake.lake import Lake
from tests.jobs.profiles.shop import DAY, HOUR, START, ProfileShop

pytestmark = pytest.mark.usefixtures("lake_in_session")


def lakehouse(*words: str) -> str:
    run = CliRunner().invoke(app, ["profile", *words])
    assert run.exit_code == 0, run.output
    return run.stdout


def refused(*words: str) -> str:
    run = CliRunner().invoke(app, ["profile", *words])
    assert run.exit_code == 1
    return " ".join(run.output.split())


def test_a_profile_is_shown_as_it_is_and_as_it_was(lake: Lake) -> None:
    assert "lakehouse run" in refused("show", "1")
    shop = ProfileShop(lake)
    shop.bought("1", START, ("boot", 10.0), device="app")
    shop.did("a-1", "product_view", START + HOUR, item_id="coat")
    for who in ("1", "a-1", "2"):
        shop.say(who, START)
    shop.did("2", "product_view", START, item_id="coat")
    shop.run(START + DAY)
    shop.bought("1", START + DAY, ("coat", 30.0), device="app")
    shop.merge("a-1", "1", START + DAY)
    shop.say("2", START + DAY, is_granted=False)
    shop.run(START + 2 * DAY)

    text = lakehouse("show", "anonymous_id:a-1")
    assert "person 1" in text and "frequency    2 baskets; quintile 1 of 5" in text
    assert "monetary     40.00" in text and "Clothes" in text and "devices      app 100%" in text
    now = json.loads(lakehouse("show", "1", "--as-of", "2026-03-04", "--json"))
    assert (now["values"]["spend"], now["recency_days"], now["values"]["behaviour"]["baskets"]) == (40.0, 2.0, 2.0)
    then = json.loads(lakehouse("show", "1", "--as-of", "2026-03-02T12:00", "--json"))
    assert (then["values"]["spend"], then["recency_days"]) == (10.0, 1.5)
    before = json.loads(lakehouse("show", "anonymous_id:a-1", "--as-of", "2026-03-02T12:00", "--json"))
    assert before["person_id"] == "1", "the person whose it is now comes first"
    told = lakehouse("history", "anonymous_id:a-1")
    assert "person anonymous_id:a-1" in told and "no profile any more" in told and "person 1" in told
    changes = json.loads(lakehouse("history", "1", "--json"))["1"]
    assert [change["at"] for change in changes] == ["2026-03-02 00:00:00+00:00", "2026-03-03 00:00:00+00:00"]
    assert changes[1]["differences"]["spend"] == [10.0, 40.0]

    assert "had no profile at 2026-02-01 00:00:00 UTC; see: lakehouse profile history" in refused(
        "show", "1", "--as-of", "2026-02-01"
    )
    assert "nobody called user_id:2 has a profile that may be seen" in refused("history", "2"), "who withdrew"
    assert "did you mean 1?" in refused("show", "11")

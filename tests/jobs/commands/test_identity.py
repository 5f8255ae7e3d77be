"""`lakehouse identity`, as an operator types it, on a small lake."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from jobs.commands.app import app
from jobs.lake.lake import Lake
from jobs.people.identity_review import wait_for
from jobs.privacy.keys import secrets_of
from jobs.privacy.tokens import token
from tests.jobs.silver.test_identities import land

pytestmark = pytest.mark.usefixtures("lake_in_session")


def lakehouse(*words: str) -> str:
    run = CliRunner().invoke(app, ["identity", *words])
    assert run.exit_code == 0, run.output
    return run.stdout


def test_a_person_is_shown_split_and_joined(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(lake.settings.home))  # where its secrets lie
    privacy = lake.settings.privacy
    email = token("email", "jo@shop.example", secrets_of(privacy), privacy.phone_region)
    land(lake, "a1 d1", "u1 a1", "u2 d1")
    shown = json.loads(lakehouse("show", "u1", "--json"))
    assert shown["person_id"] == "anonymous_id:a1"
    assert [one["identifier"] for one in shown["identifiers"]] == ["a1", "u1"]
    assert {(one["left"], one["right"]): one["joins"] for one in shown["links"]} == {
        ("device_id:d1", "anonymous_id:a1"): False,
        ("user_id:u1", "anonymous_id:a1"): True,
    }
    text = lakehouse("show", "device_id:d1")
    assert "person u2" in text and "makes them one" in text
    told = lakehouse("split", "u1", "anonymous_id:a1")
    assert told.strip() == "user_id:u1 and anonymous_id:a1 are not linked any more"
    assert json.loads(lakehouse("show", "u1", "--json"))["person_id"] == "u1"
    assert [one["kind"] for one in json.loads(lakehouse("show", "u1", "--json"))["changes"]] == ["split"]
    lakehouse("join", "u1", "anonymous_id:a1")
    assert json.loads(lakehouse("show", "u1", "--json"))["person_id"] == "anonymous_id:a1"
    refused = CliRunner().invoke(app, ["identity", "show", "email:jo@shop.example"])
    said = " ".join(f"{refused.exception} {refused.output}".split())
    assert refused.exit_code == 1 and f"email:{email} was never seen" in said, "it is asked for by its token"


def test_other_rules_are_tried_before_they_hold(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    land(lake, "u1 d1", "u2 d1", "u1 a1")
    assert lakehouse("preview").strip() == "0 people would be merged into others, 0 would be split off"
    monkeypatch.setenv("LAKEHOUSE_IDENTITY__MOST_PEOPLE", "1")
    assert json.loads(lakehouse("preview", "--json")) == [
        {"kind": "split", "from_person_id": "u1", "person_id": "device_id:d1", "identifiers": ["device_id:d1"]}
    ]
    assert "0 people would be merged into others, 1 would be split off" in lakehouse("preview")


def test_what_is_shared_by_too_many_is_listed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_IDENTITY__MOST_PEOPLE", "2")
    assert lakehouse_after(lake, "u1 d1", "u2 d1") == []
    assert [one[:2] + one[3:] for one in lakehouse_after(lake, "u3 d1", "u4 d2")] == [["device_id", "d1", 3]]
    assert "d1" in lakehouse("shared")


def lakehouse_after(lake: Lake, *events: str) -> list[list[object]]:
    limits = lake.settings.identity.model_copy(update={"most_people": 2})
    land(Lake(lake.spark, lake.settings.model_copy(update={"identity": limits})), *events)
    return [[*one.values()] for one in json.loads(lakehouse("shared", "--json"))]


def test_pairs_that_wait_are_accepted_and_rejected(lake: Lake) -> None:
    land(lake, "u1 a1", "u2 a2", "c1 a3", "c2 a4")
    ends = {"left_type": "user_id", "right_type": "crm_id", "agreement": [("names", "close"), ("address", "same")]}
    pairs = [("u1", "c1", 0.8), ("u2", "c2", 0.6)]
    waiting = [
        {**ends, "left_identifier": left, "right_identifier": right, "probability": p} for left, right, p in pairs
    ]
    wait_for(lake, pd.DataFrame(waiting))
    listed = json.loads(lakehouse("review", "list", "--json"))
    assert [(one["left"], one["right"], one["probability"]) for one in listed] == [
        ("user_id:u1", "crm_id:c1", 0.8),
        ("user_id:u2", "crm_id:c2", 0.6),
    ]
    assert "close" in lakehouse("review", "list", "--limit", "1")
    lakehouse("review", "accept", "crm_id:c1", "u1")
    assert (
        json.loads(lakehouse("show", "u1", "--json"))["person_id"]
        == json.loads(lakehouse("show", "crm_id:c1", "--json"))["person_id"]
    )
    lakehouse("review", "reject", "u2", "crm_id:c2", "--by", "Iga")
    assert lakehouse("review", "list").strip() == "no pair waits for review"
    refused = CliRunner().invoke(app, ["identity", "review", "accept", "u2", "crm_id:c2"])
    assert refused.exit_code == 1 and "do not wait for review" in f"{refused.exception} {refused.output}"

"""A replay lands what is valid now, once, however often it is run and wherever it is killed."""

import copy
import dataclasses
import json
from collections import Counter
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from typer.testing import CliRunner

from expectations.contract import contract
from jobs import job
from jobs.commands.app import app
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.writer_lock import writer_lock
from jobs.landing import contracts
from jobs.privacy.columns import as_safe
from jobs.privacy.message import safe_way
from jobs.quarantine.replay import Replayed, replay
from jobs.quarantine.review import Choice
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from tests.events import event, received

OPTIONS = job.Options(job.moment("2018-01-01"))
# What the shop's rule will be mended for: a country in small letters.
MENDED_LATER = [event(event_id=name, context={"country": "us"}) for name in ("a", "b", "b")]
MESSAGES: list[Any] = [
    event(event_id="c"),
    *MENDED_LATER,
    event(event_id="c", context={"country": "us"}),
    '{"email": "x',
]


@pytest.fixture
def here(lake: SparkSession, local_services: Settings) -> Settings:
    """The settings, looking at the empty lake."""
    root = {"root": str(lake.conf.get(tables.ROOT))}
    return local_services.model_copy(update={"lake": local_services.lake.model_copy(update=root)})


@pytest.fixture
def filled(lake: SparkSession, here: Settings) -> SparkSession:
    safe = received(lake, MESSAGES).drop("sealed_by").transform(as_safe(contract(), safe_way(here.privacy)))
    tables.append(safe, "bronze.events")
    silver_events.main(here, OPTIONS)
    return lake


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the contract takes small letters."""
    envelope = copy.deepcopy(contract().envelope)
    envelope["properties"]["context"]["properties"]["country"]["pattern"] = "^[A-Za-z]{2}$"
    rules = dataclasses.replace(contract(), envelope=envelope)
    monkeypatch.setattr(contracts, "contract", lambda: rules)


def states(lake: SparkSession) -> dict[int, str]:
    return {row["offset"]: row["state"] for row in tables.read(lake, "quarantine.events").collect()}


def kept(lake: SparkSession) -> Counter[str]:
    return Counter(row["event_id"] for row in tables.read(lake, "silver.events").collect())


def test_what_is_valid_now_lands_once(filled: SparkSession, here: Settings, mended: None) -> None:
    assert replay(filled, here, Choice(), dry_run=True) == Replayed(kept=2, duplicate=2, quarantined=1)
    assert states(filled) == dict.fromkeys([1, 2, 3, 4, 5], "open") and kept(filled) == {"c": 1}
    assert replay(filled, here, Choice()) == Replayed(kept=2, duplicate=2, quarantined=1)
    assert states(filled) == {**dict.fromkeys([1, 2, 3, 4], "replayed"), 5: "open"}
    assert kept(filled) == {"a": 1, "b": 1, "c": 1}
    assert replay(filled, here, Choice()) == Replayed(kept=0, duplicate=0, quarantined=1)
    assert kept(filled) == {"a": 1, "b": 1, "c": 1}
    first = tables.read(filled, "quarantine.events").where("offset = 1").collect()[0]
    assert first["reasons"] == ["context.country: not of the form ^[A-Z]{2}$"]
    assert json.loads(first["value"])["event_id"] == "a"


def test_a_replay_killed_between_the_tables_is_finished_by_the_next(
    filled: SparkSession, here: Settings, mended: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as broken:
        broken.setattr("jobs.quarantine.replay.settle", crash)
        with pytest.raises(RuntimeError, match="crash"):
            replay(filled, here, Choice())
    assert kept(filled) == {"a": 1, "b": 1, "c": 1} and set(states(filled).values()) == {"open"}
    assert replay(filled, here, Choice()) == Replayed(kept=2, duplicate=2, quarantined=1)
    assert kept(filled) == {"a": 1, "b": 1, "c": 1}
    assert Counter(states(filled).values()) == {"replayed": 4, "open": 1}


def test_what_was_encrypted_is_opened_and_shut_again(filled: SparkSession, here: Settings) -> None:
    def sealed() -> DataFrame:
        return tables.read(filled, "quarantine.events").where("sealed_by IS NOT NULL")

    assert sealed().count() == 1
    assert sealed().where(F.col("value").cast("string").contains("email")).count() == 0
    assert replay(filled, here, Choice(reason="not JSON")).quarantined == 1
    assert sealed().count() == 1
    changed = here.model_copy(update={"privacy": here.privacy.model_copy(update={"payload_keys": ("OTHER_KEY",)})})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTHER_KEY", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=")
        with pytest.raises(Exception, match="payload key 1 is not the one"):
            replay(filled, changed, Choice())


def test_refused_while_silver_is_written(filled: SparkSession, here: Settings) -> None:
    with (
        writer_lock(here, "silver.events"),
        pytest.raises(OperatorError, match=r"silver\.events is running already \(pid"),
    ):
        replay(filled, here, Choice())


def test_the_command_asks_which_and_teaches() -> None:
    said = CliRunner().invoke(app, ["quarantine", "replay"])
    assert said.exit_code == 1 and "which ones?" in said.output
    said = CliRunner().invoke(app, ["quarantine", "replay", "--help"])
    assert "--dry-run" in said.stdout and "one writer" in said.stdout

"""A replay lands what is valid now, once, however often it is run and wherever it is killed."""

import dataclasses
import json
from collections import Counter
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from typer.testing import CliRunner

from expectations.contract import committed_contract
from expectations.nodes import Field, Object, Text
from jobs import job
from jobs.commands.app import app
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.writer_lock import writer_lock
from jobs.landing import contracts
from jobs.privacy.columns import as_safe
from jobs.privacy.message import protection_of
from jobs.quarantine.replay import Replayed, replay
from jobs.quarantine.review import Choice
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from tests.events import event, received
from tests.other_lake import changed

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
def filled(lake: Lake, local_services: Settings) -> Lake:
    protection = protection_of(lake.settings.privacy)
    plain = received(lake.spark, MESSAGES).drop("sealed_by")
    safe = plain.transform(as_safe(committed_contract(), protection))
    tables.append(lake, "bronze.events", safe)
    silver_events.main(lake, OPTIONS)
    return lake


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the contract takes small letters."""
    contract = committed_contract()
    context = contract.envelope.field("context").node
    assert isinstance(context, Object)
    country = dataclasses.replace(context.field("country"), node=Text(pattern="^[A-Za-z]{2}$"))
    looser = dataclasses.replace(context, fields=_with(context.fields, country))
    of_context = dataclasses.replace(contract.envelope.field("context"), node=looser)
    envelope = dataclasses.replace(contract.envelope, fields=_with(contract.envelope.fields, of_context))
    monkeypatch.setattr(contracts, "committed_contract", lambda: dataclasses.replace(contract, envelope=envelope))


def _with(fields: tuple[Field, ...], changed: Field) -> tuple[Field, ...]:
    return tuple(changed if field.name == changed.name else field for field in fields)


def states(lake: Lake) -> dict[int, str]:
    return {row["offset"]: row["state"] for row in tables.read(lake, "quarantine.events").collect()}


def kept(lake: Lake) -> Counter[str]:
    return Counter(row["event_id"] for row in tables.read(lake, "silver.events").collect())


def test_what_is_valid_now_lands_once(filled: Lake, mended: None) -> None:
    assert replay(filled, Choice(), dry_run=True) == Replayed(kept=2, duplicate=2, quarantined=1)
    assert states(filled) == dict.fromkeys([1, 2, 3, 4, 5], "open") and kept(filled) == {"c": 1}
    assert replay(filled, Choice()) == Replayed(kept=2, duplicate=2, quarantined=1)
    assert states(filled) == {**dict.fromkeys([1, 2, 3, 4], "replayed"), 5: "open"}
    assert kept(filled) == {"a": 1, "b": 1, "c": 1}
    assert replay(filled, Choice()) == Replayed(kept=0, duplicate=0, quarantined=1)
    assert kept(filled) == {"a": 1, "b": 1, "c": 1}
    first = tables.read(filled, "quarantine.events").where("offset = 1").collect()[0]
    assert first["reasons"] == ["context.country: not of the form ^[A-Z]{2}$"]
    assert json.loads(first["value"])["event_id"] == "a"


def test_a_replay_killed_between_the_tables_is_finished_by_the_next(
    filled: Lake, mended: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as broken:
        broken.setattr("jobs.quarantine.replay.settle", crash)
        with pytest.raises(RuntimeError, match="crash"):
            replay(filled, Choice())
    assert kept(filled) == {"a": 1, "b": 1, "c": 1} and set(states(filled).values()) == {"open"}
    assert replay(filled, Choice()) == Replayed(kept=2, duplicate=2, quarantined=1)
    assert kept(filled) == {"a": 1, "b": 1, "c": 1}
    assert Counter(states(filled).values()) == {"replayed": 4, "open": 1}


def test_what_was_encrypted_is_opened_and_shut_again(filled: Lake) -> None:
    def sealed() -> DataFrame:
        return tables.read(filled, "quarantine.events").where("sealed_by IS NOT NULL")

    assert sealed().count() == 1
    assert sealed().where(F.col("value").cast("string").contains("email")).count() == 0
    assert replay(filled, Choice(reason="not JSON")).quarantined == 1
    assert sealed().count() == 1
    other = changed(filled, privacy={"payload_keys": ("OTHER_KEY",)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTHER_KEY", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=")
        with pytest.raises(Exception, match="payload key 1 is not the one"):
            replay(other, Choice())


def test_refused_while_silver_is_written(filled: Lake) -> None:
    with (
        writer_lock(filled.root, "silver.events"),
        pytest.raises(OperatorError, match=r"silver\.events is running already \(pid"),
    ):
        replay(filled, Choice())


def test_the_command_asks_which_and_teaches() -> None:
    result = CliRunner().invoke(app, ["quarantine", "replay"])
    assert result.exit_code == 1 and "which ones?" in result.output
    result = CliRunner().invoke(app, ["quarantine", "replay", "--help"])
    assert "--dry-run" in result.stdout and "one writer" in result.stdout

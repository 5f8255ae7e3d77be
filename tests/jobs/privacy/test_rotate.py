"""After a rotation no older token is left anywhere, streams carry on, and a killed rotation is finished by the next."""

import json
from typing import Any

import pytest

from expectations.contract import committed_contract
from jobs import job
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.writer_lock import writer_lock
from jobs.privacy import keys
from jobs.privacy.columns import as_safe
from jobs.privacy.keys import secrets_of
from jobs.privacy.message import protection_of
from jobs.privacy.rotate import rotate
from jobs.privacy.tokens import token
from jobs.silver import events as silver_events
from tests.events import event, received
from tests.other_lake import changed

MESSAGES: list[Any] = [
    event("identify", event_id="a", payload={"email": "a@b.example"}),
    event(event_id="b", user_id="a@b.example", context={"ip": "203.0.113.9", "country": "US"}),
    event("identify", event_id="c", payload={"email": "a@b.example", "crm_id": 5}),
    event(event_id="d", tel={"phone": "+48601234567", "note": None}),
    event(event_id="e"),
    '{"email": "a@b.example"',
]


@pytest.fixture
def here(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The empty lake, with one secret of each kind."""
    for name in ("TOKENS_1", "TOKENS_2", "PAYLOADS_1"):
        monkeypatch.setenv(name, keys.new_secret())
    return changed(lake, privacy={"token_secrets": ("TOKENS_1",), "payload_keys": ("PAYLOADS_1",)})


def land(lake: Lake, first_offset: int = 0) -> None:
    plain = received(lake.spark, MESSAGES, first_offset).drop("sealed_by")
    tables.append(
        lake, "bronze.events", plain.transform(as_safe(committed_contract(), protection_of(lake.settings.privacy)))
    )
    silver_events.main(lake, job.Options(job.moment("2018-01-01")))


def test_no_older_token_is_left_and_the_streams_carry_on(here: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    land(here)
    assert rotate(here) == {"bronze.events": 0, "silver.events": 0, "quarantine.events": 0, "ops.ledger": 0}
    later = changed(here, privacy={"token_secrets": ("TOKENS_1", "TOKENS_2")})
    first, second = (token("email", "a@b.example", secrets_of(one.settings.privacy), "US") for one in (here, later))
    expected = {"bronze.events": 4, "silver.events": 3, "quarantine.events": 1, "ops.ledger": 0}
    assert rotate(later, dry_run=True) == expected
    before = {name: tables.read(here, name).count() for name in expected}

    overwrite = tables.overwrite

    def crash(*arguments: Any) -> int:
        if arguments[1] == "silver.events":
            raise RuntimeError("crash")
        return overwrite(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr(tables, "overwrite", crash)
        with pytest.raises(RuntimeError, match="crash"):
            rotate(later)
    assert rotate(later) == {**expected, "bronze.events": 0}
    assert rotate(later) == dict.fromkeys(expected, 0)

    assert {name: tables.read(here, name).count() for name in expected} == before
    events = {row["event_id"]: row for row in tables.read(here, "silver.events").collect()}
    assert events["a"]["payload"]["email"] == second
    assert events["b"]["user_id"] == f"<{second}>" and events["b"]["context"]["ip_network"] == "203.0.113.0/24"
    assert events["b"]["context"]["country"] == "US" and events["e"]["payload"]["item_id"] is not None
    unknown = json.loads(events["d"]["extra"]["tel"])
    assert unknown["phone"].startswith("phone.v2.") and unknown["note"] is None
    quarantined = [bytes(row["value"]) for row in tables.read(here, "quarantine.events").collect()]
    assert any(second.encode() in value for value in quarantined)
    assert not any(first.encode() in value for value in quarantined)

    land(later, first_offset=10)  # the same events again: each is a duplicate, or rejected once more
    assert tables.read(here, "silver.events").count() == before["silver.events"]
    assert tables.read(here, "ops.ledger").selectExpr("sum(received)").collect()[0][0] == 2 * len(MESSAGES)


def test_refused_while_a_job_writes(here: Lake) -> None:
    with (
        writer_lock(here.root, "bronze.events"),
        pytest.raises(OperatorError, match=r"bronze\.events is running already"),
    ):
        rotate(here)

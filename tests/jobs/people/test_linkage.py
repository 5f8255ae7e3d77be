"""Customers without a common identifier: a link, a question to an operator, or nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import functions as F

from expectations.gate import check
from expectations.schemas import TABLES
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people import identity_review
from jobs.people.identifier import Identifier
from jobs.people.identity_history import take_up
from jobs.people.identity_review import decide, waiting_pairs
from jobs.people.linkage import link
from jobs.people.sightings import as_crm_links, as_crm_sightings, as_identifiers
from jobs.privacy.keyed_encodings import encodings_of
from jobs.privacy.keys import secrets_of
from tests.jobs.silver.test_identities import persons, written
from tests.linkage_rows import KINDS

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
HOME = {"street": "12 Kirkland Circuit", "postcode": "2610", "city": "Queanbeyan"}
JO = {"given_name": "Johanna", "surname": "Kowalska", "birth_date": "1990-05-17", **HOME}
AL = {"given_name": "Alicia", "surname": "Heron", "birth_date": "1932-01-31", "street": "262 Verbrugghen Street"}
BO = {"given_name": "Bo", "surname": "Cobbett", "birth_date": "1966-05-30", "street": "32 Yerralee Road"}
ACCOUNTS = [{"user_id": "jo", **JO}, {"user_id": "al", **AL}, {"user_id": "bo", **BO}, {"user_id": "jo-2", **JO}]
STORE = [
    {"crm_id": "K-jo", **JO, "given_name": "Johana", "street": "12 Kirklandc ircuit"},
    {"crm_id": "K-al", **AL, "birth_date": "1961-02-28"},
    {"crm_id": "K-bo", **BO, "birth_date": "1994-07-03"},
    {"crm_id": "K-other", "given_name": "Holly", "surname": "Webb", "birth_date": "1979-05-26"},
]


@pytest.fixture
def here(lake: Lake) -> Lake:
    """The empty lake."""
    tables.create(lake, "silver.crm")
    return lake


def customers(lake: Lake, *rows: dict[str, str]) -> None:
    """The CRM as it is now, in silver, and who is who by it."""
    schema, secrets = TABLES["silver.crm"], secrets_of(lake.settings.privacy)
    landed = []
    for row in rows:
        key = row.get("user_id") or f"crm_id:{row['crm_id']}"
        entries = encodings_of({name: row.get(name) for name in KINDS}, KINDS, secrets)
        kept = {"user_id": key, "crm_id": row.get("crm_id"), "encodings": entries, "attributes": {}, "valid_from": AT}
        landed.append(tuple(map(kept.get, schema.names)))
    tables.overwrite(lake, "silver.crm", lake.spark.createDataFrame(landed, schema.ddl))
    seen, rules = as_crm_sightings(tables.read(lake, "silver.crm"), lake.settings.identity), lake.settings.identity
    take_up(lake, rules, as_identifiers(seen), as_crm_links(seen))


def run(lake: Lake) -> None:
    link(lake, lake.settings.identity)


def linked(lake: Lake) -> list[tuple[Any, ...]]:
    rows = (
        tables.read(lake, "silver.identity_links").where("source = 'linkage'").orderBy("received_at", "left_identifier")
    )
    return [(row["left_identifier"], row["right_identifier"], row["is_standing"]) for row in rows.collect()]


def waiting(lake: Lake) -> list[tuple[str, str]]:
    return [(pair.left, pair.right) for pair in waiting_pairs(lake, 100)]


def test_customers_of_the_store_are_found_among_the_accounts(here: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    customers(here, *ACCOUNTS, *STORE)
    # Killed when the links are there and the pairs do not wait yet.
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(identity_review, "wait_for", _killed)
        run(here)
    run(here)
    assert linked(here) == [("jo", "K-jo", True), ("jo-2", "K-jo", True)]
    who = persons(here)
    assert who["K-jo"] in (who["jo"], who["jo-2"]) and who["K-other"] == "K-other"
    assert who["jo"] != who["jo-2"], "two accounts are two people, whoever they are"
    assert waiting(here) == [("user_id:al", "crm_id:K-al"), ("user_id:bo", "crm_id:K-bo")]
    one = waiting_pairs(here, 1)[0]
    assert one.agreement == {"names": "same", "birth_date": "differs", "address": "street close"}
    row = tables.read(here, "silver.identity_links").where("source = 'linkage'").first()
    assert row is not None and row["cause"] == "linkage" and 0.9 <= row["probability"] <= 1
    before = written(here), tables.version(here, identity_review.TABLE)
    run(here)
    assert (written(here), tables.version(here, identity_review.TABLE)) == before, "done again, it changes nothing"
    for name in ("silver.identity_links", identity_review.TABLE):
        assert all(outcome.success for outcome in check(tables.read(here, name), name, 0))


def test_what_an_operator_says_holds(here: Lake) -> None:
    customers(here, *ACCOUNTS[:3], *STORE)
    run(here)
    al, k_al, bo, k_bo = (Identifier.parsed(text) for text in ("al", "crm_id:K-al", "bo", "crm_id:K-bo"))
    decide(here, al, k_al, is_one_person=True, by="Iga")
    decide(here, k_bo, bo, is_one_person=False)
    assert waiting(here) == []
    rows = {row["left_identifier"]: row for row in tables.read(here, identity_review.TABLE).collect()}
    assert (rows["al"]["state"], rows["al"]["decided_by"], rows["bo"]["state"]) == ("accepted", "Iga", "rejected")
    with pytest.raises(OperatorError, match="do not wait for review"):
        decide(here, bo, k_bo, is_one_person=True)
    # The store mends its row: now the pair would be linked, had nobody rejected it; and K-jo is another's from now on.
    customers(here, *ACCOUNTS[:3], {**STORE[2], **BO}, {**STORE[3], "crm_id": "K-jo"})
    run(here)
    assert linked(here) == [("jo", "K-jo", True), ("jo", "K-jo", False)] and waiting(here) == []
    who = persons(here)
    assert len({who[one] for one in ("bo", "K-bo", "jo", "K-jo")}) == 4 and who["K-al"] == who["al"]


def test_without_encodings_or_with_two_kinds_nobody_is_linked(here: Lake, caplog: pytest.LogCaptureFixture) -> None:
    customers(here, *[{"user_id": one["user_id"]} for one in ACCOUNTS])
    run(here)
    assert waiting(here) == [] and "land the CRM whole" in caplog.text
    caplog.clear()
    customers(here, *ACCOUNTS[:1], *STORE[:1])
    older = F.col("user_id").startswith("crm_id")
    mixed = F.when(
        older,
        F.map_concat(
            F.map_filter("encodings", lambda name, _: name != "version"), F.create_map(F.lit("version"), F.lit("0"))
        ),
    )
    tables.update(here, "silver.crm", older, {"encodings": mixed})
    run(here)
    assert linked(here) == [] and "an older secret" in caplog.text


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt

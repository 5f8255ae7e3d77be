"""Version 2 comes while silver.events runs: no restart, nothing lost, and what was too early can be judged again.

New fields leave the files that are there as they are. A wider number has them written again, once, so that the table
can be read by more than Spark.
"""

import dataclasses
import logging
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery

from expectations.contract import Contract, committed_contract, payload_type
from expectations.evolution import extended
from expectations.schemas import TABLES
from jobs import job
from jobs.errors import OperatorError
from jobs.lake import places, tables
from jobs.lake.lake import Lake
from jobs.landing import contracts
from jobs.landing.outcomes import as_judged
from jobs.maintenance import upkeep
from jobs.settings.contracts_settings import ContractsSettings
from jobs.silver import events as silver_events
from jobs.silver import interactions
from tests.continuous import running, wait_for
from tests.crash import crash_before
from tests.events import event, received
from tests.expectations.messages import version_1
from tests.readers import READERS

CONTRACTS = resources.files("expectations") / "contracts"
CART_1 = {"item_id": "5", "quantity": 2}
CART_2 = {"item_id": "5", "quantity": 0.25, "unit": "kg", "list_position": 3}


@pytest.fixture
def first(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake and a program of the time when every event type had one version."""
    then = {**TABLES["silver.events"].columns, "payload": payload_type(version_1())}
    monkeypatch.setitem(TABLES, "silver.events", dataclasses.replace(TABLES["silver.events"], columns=then))
    monkeypatch.setattr(contracts, "committed_contract", version_1)
    tables.create(lake, "bronze.events", "silver.events", "quarantine.events", "ops.ledger")
    return lake


def arrive(lake: Lake, messages: list[dict[str, Any]], at: int) -> None:
    tables.append(lake, "bronze.events", received(lake.spark, messages, first_offset=at))


def started(lake: Lake, folder: Path) -> StreamingQuery:
    rules = contracts.in_force(ContractsSettings(folder=str(folder)))
    writer = tables.stream(lake, "bronze.events").writeStream
    writer = writer.foreachBatch(lambda rows, batch: silver_events.land(lake, rows, batch, rules()))
    return writer.option("checkpointLocation", places.checkpoint(lake.root, "silver.events")).start()


def files(lake: Lake) -> set[str]:
    return set(tables.read(lake, "silver.events").inputFiles())


def landed(lake: Lake) -> dict[str, tuple[Any, ...]]:
    columns = ["event_id", "schema_version", "payload.query", "payload.quantity"]
    return {row[0]: tuple(row)[1:] for row in tables.read(lake, "silver.events").select(*columns).collect()}


def add_version_2(folder: Path) -> None:
    for event_type in ("search", "add_to_cart"):
        name = f"{event_type}.v2.json"
        (folder / name).write_bytes((CONTRACTS / name).read_bytes())
    (folder / "rating.v2.json").write_text("{half written")


def with_version_2(event_type: str) -> Contract:
    """The contract of version 1 and, of this event type, version 2."""
    name = f"{event_type}.v2.json"
    contract, refused = extended(version_1(), {name: (CONTRACTS / name).read_bytes()})
    assert refused == []
    return contract


def rows_elsewhere(lake: Lake, field: str) -> dict[str, Any]:
    """A field of the payload by event_id, as every other program reads it."""
    place = places.table(lake.root, "silver.events")
    tables_read = [read(place).to_pylist() for read in READERS.values()]
    answers = [{row["event_id"]: row["payload"][field] for row in rows} for rows in tables_read]
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


def comments(lake: Lake) -> dict[str, str]:
    schema = tables.delta(lake, "silver.events").toDF().schema
    return {field.name: field.metadata["comment"] for field in schema if "comment" in field.metadata}


def test_version_2_lands_without_a_restart(first: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "contracts"
    folder.mkdir()
    second = [
        event("search", event_id="{}-search", schema_version=2, payload={"text": "bread", "sort": "newest"}),
        event("add_to_cart", event_id="{}-cart", schema_version=2, payload=CART_2),
    ]
    early, later = (
        [{**one, "event_id": one["event_id"].format(when)} for one in second] for when in ("early", "later")
    )
    arrive(first, [event("search", event_id="a"), event("add_to_cart", event_id="b", payload=CART_1)], at=0)
    query = started(first, folder)
    try:
        query.processAllAvailable()
        run = query.runId
        arrive(first, early, at=10)
        query.processAllAvailable()
        rejected = tables.read(first, "quarantine.events")
        assert [row["reasons"] for row in rejected.collect()] == [
            ["schema_version: not a known version of its event_type"]
        ] * 2
        with caplog.at_level(logging.INFO):
            add_version_2(folder)
            arrive(first, [*later, event("add_to_cart", event_id="c", payload=CART_1)], at=20)
            query.processAllAvailable()
        assert "contract refused: rating.v2.json is not a JSON Schema: not JSON" in caplog.text
        assert query.isActive and query.runId == run
    finally:
        query.stop()
    assert landed(first) == {
        "a": (1, "milk", None),
        "b": (1, None, 2.0),
        "c": (1, None, 2.0),
        "later-search": (2, "bread", None),
        "later-cart": (2, None, 0.25),
    }
    read = tables.read(first, "silver.events").where("event_id = 'later-cart'").selectExpr("payload.*").collect()[0]
    assert (read["unit"], read["list_position"]) == ("kg", 3)
    rules = contracts.in_force(ContractsSettings(folder=str(folder)))()
    again = as_judged(rejected.withColumn("decode_error", F.lit(None).cast("string")), rules)
    assert [row["reasons"] for row in again.collect()] == [[], []]


def test_new_fields_leave_the_files_as_they_are(first: Lake) -> None:
    silver_events.land(first, received(first.spark, [event("search", event_id="a")]), 0, version_1())
    before = files(first)
    later = event("search", schema_version=2, event_id="b", payload={"text": "bread", "sort": "newest"})
    silver_events.land(first, received(first.spark, [later], first_offset=1), 1, with_version_2("search"))
    assert before < files(first)
    assert rows_elsewhere(first, "query") == {"a": "milk", "b": "bread"}


def test_a_wider_number_is_wide_in_every_file(first: Lake) -> None:
    """An int becomes a double: polars, deltalake and DuckDB still read the table, also when its files were joined."""
    for number, cart in enumerate((CART_1, {"item_id": "5", "quantity": 7})):
        rows = received(
            first.spark, [event("add_to_cart", event_id=f"int-{number}", payload=cart)], first_offset=number
        )
        silver_events.land(first, rows, number, version_1())
    described = comments(first)
    assert described, "the columns have comments"
    later = event("add_to_cart", schema_version=2, event_id="double", payload=CART_2)
    for _ in range(2):
        silver_events.land(first, received(first.spark, [later], first_offset=2), 2, with_version_2("add_to_cart"))
    assert comments(first) == described
    assert [row["operation"] for row in tables.delta(first, "silver.events").history().collect()] == [
        *("WRITE", "WRITE", "WRITE", "WRITE", "CREATE TABLE")
    ]
    assert rows_elsewhere(first, "quantity") == {"int-0": 2.0, "int-1": 7.0, "double": 0.25}
    assert upkeep.keep(first, "silver.events", upkeep.plan(first.settings.maintenance, "silver.events")).joined
    assert len(files(first)) == 1
    assert rows_elsewhere(first, "quantity") == {"int-0": 2.0, "int-1": 7.0, "double": 0.25}


def test_a_stream_that_lags_reads_what_was_landed_before_the_number_was_wider(first: Lake) -> None:
    options = job.Options(job.moment("2018-01-01"))
    ones = [("a", 1, CART_1), ("b", 1, CART_1), ("c", 2, CART_2), ("d", 1, CART_1)]
    for number, (event_id, version, cart) in enumerate(ones):
        one = event("add_to_cart", event_id=event_id, schema_version=version, payload=cart)
        contract = with_version_2("add_to_cart") if version == 2 else version_1()
        silver_events.land(first, received(first.spark, [one], first_offset=number), number, contract)
        if event_id == "a":
            interactions.main(first, options)
    interactions.main(first, options)
    quantities = {row["event_id"]: row["quantity"] for row in tables.read(first, "silver.interactions").collect()}
    assert quantities == {"a": 2.0, "b": 2.0, "c": 0.25, "d": 2.0}


def test_a_program_that_knows_less_writes_into_the_wider_table(lake: Lake) -> None:
    tables.create(lake, "bronze.events", "silver.events", "quarantine.events", "ops.ledger")
    arrive(lake, [event("search", event_id="a"), event("add_to_cart", event_id="b", payload=CART_1)], at=0)
    writer = tables.stream(lake, "bronze.events").writeStream.trigger(availableNow=True)
    writer = writer.foreachBatch(lambda rows, batch: silver_events.land(lake, rows, batch, version_1()))
    writer.option("checkpointLocation", places.checkpoint(lake.root, "silver.events")).start().awaitTermination()
    assert landed(lake) == {"a": (1, "milk", None), "b": (1, None, 2.0)}


def test_the_next_table_reads_on(first: Lake, tmp_path: Path) -> None:
    def quantities() -> dict[str, float]:
        if not tables.exists(first, "silver.interactions"):
            return {}
        return {row["event_id"]: row["quantity"] for row in tables.read(first, "silver.interactions").collect()}

    folder = tmp_path / "contracts"
    folder.mkdir()
    arrive(first, [event("add_to_cart", event_id="b", payload=CART_1)], at=0)
    query = started(first, folder)
    try:
        with running(first, "silver.interactions", interactions.main) as reading:
            query.processAllAvailable()
            wait_for({"b": 2.0}, quantities, reading)
            add_version_2(folder)
            arrive(first, [event("add_to_cart", event_id="c", schema_version=2, payload=CART_2)], at=1)
            query.processAllAvailable()
            wait_for({"b": 2.0, "c": 0.25}, quantities, reading)
    finally:
        query.stop()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"nowhere \(setting contracts\.folder\)"):
        contracts.in_force(ContractsSettings(folder=str(tmp_path / "nowhere")))


def test_a_contract_that_grew_after_a_crash_loses_nothing(first: Lake) -> None:
    rows = received(
        first.spark, [event(event_id="a"), event("search", schema_version=2, event_id="b", payload={"text": "milk"})]
    )
    with crash_before("quarantine.events"), pytest.raises(RuntimeError, match="crash"):
        silver_events.land(first, rows, 0, version_1())
    assert set(landed(first)) == {"a"}
    for _ in range(2):
        silver_events.land(first, rows, 0, committed_contract())
        assert sorted(row["event_id"] for row in tables.read(first, "silver.events").collect()) == ["a", "b"]
    (account,) = tables.read(first, "ops.ledger").collect()
    assert (account["kept"], account["quarantined"]) == (2, 0)


def test_what_was_quarantined_before_a_crash_waits_for_its_replay(first: Lake) -> None:
    rows = received(
        first.spark, [event(event_id="a"), event("search", schema_version=2, event_id="b", payload={"text": "milk"})]
    )
    with crash_before("ops.ledger"), pytest.raises(RuntimeError, match="crash"):
        silver_events.land(first, rows, 0, version_1())
    for _ in range(2):
        silver_events.land(first, rows, 0, committed_contract())
        assert set(landed(first)) == {"a"}
    (rejected,) = tables.read(first, "quarantine.events").collect()
    assert (rejected["event_id"], rejected["state"]) == ("b", "open")
    (account,) = tables.read(first, "ops.ledger").collect()
    assert (account["received"], account["kept"], account["quarantined"]) == (2, 1, 1)

"""Tables that a former release made in a way that only Spark can read: `lakehouse maintain` mends them."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from pyspark.sql import functions as F
from typer.testing import CliRunner

from expectations.contract import payload_type
from expectations.schemas import TABLES
from jobs import job
from jobs.commands.app import app
from jobs.lake import places, tables
from jobs.lake.lake import Lake
from jobs.maintenance import upkeep
from jobs.silver import interactions
from tests.expectations.messages import version_1
from tests.jobs.maintenance.lake_files import A_WEEK
from tests.readers import READERS
from tests.releases.test_upgrade import RELEASE

EVENTS = "silver.events"
FEATURE = "typeWidening"
NARROW = payload_type(version_1())
"""The payload's type when a quantity was a whole number."""


def place(lake: Lake) -> str:
    return places.table(lake.root, EVENTS)


def cart(lake: Lake, event_id: str, quantity: str) -> None:
    """One event in a file of its own, appended as the former release did: a wider number widened the column."""
    type_ = NARROW.replace("`quantity`: int", "`quantity`: double") if "." in quantity else NARROW
    values = {
        "event_id": F.lit(event_id),
        "event_type": F.lit("add_to_cart"),
        "user_id": F.lit("9"),
        "occurred_at": F.lit("2018-01-01").cast("timestamp"),
        "payload": F.from_json(F.lit(f'{{"item_id": "5", "quantity": {quantity}}}'), type_),
    }
    row = lake.spark.range(1).select(*[value.alias(name) for name, value in values.items()])
    row.write.format("delta").mode("append").option("mergeSchema", "true").save(place(lake))


def quantities(lake: Lake) -> list[dict[str, float]]:
    """By event_id, once for each reader."""
    read_by_each = [read(place(lake)).to_pylist() for read in READERS.values()]
    return [{row["event_id"]: row["payload"]["quantity"] for row in rows} for rows in read_by_each]


@pytest.fixture
def widened(lake: Lake) -> Lake:
    """A lake whose silver.events got a wider number in place, in a file behind one of ints."""
    columns = {**TABLES[EVENTS].types, "payload": NARROW}
    ddl = ", ".join(f"`{name}` {type_}" for name, type_ in columns.items())
    feature = "TBLPROPERTIES ('delta.enableTypeWidening' = 'true')"
    lake.spark.sql(f"CREATE TABLE delta.`{place(lake)}` ({ddl}) USING delta {feature}")
    cart(lake, "a", "2")
    return lake


def test_a_table_widened_in_place_is_read_by_all_afterwards(widened: Lake) -> None:
    options = job.Options(job.moment("2018-01-02"))
    interactions.main(widened, options)
    for event_id, quantity in (("b", "3"), ("c", "0.25")):
        cart(widened, event_id, quantity)
    for read in READERS.values():
        with pytest.raises(Exception, match="(?i)typeWidening"):
            read(place(widened))
    assert upkeep.due(widened, EVENTS, A_WEEK).features == [FEATURE]
    assert upkeep.keep(widened, EVENTS, A_WEEK).dropped == [FEATURE]
    expected = {"a": 2.0, "b": 3.0, "c": 0.25}
    assert quantities(widened) == [expected] * len(READERS)
    at = tables.version(widened, EVENTS)
    assert upkeep.due(widened, EVENTS, A_WEEK).features == upkeep.keep(widened, EVENTS, A_WEEK).dropped == []
    operations = tables.delta(widened, EVENTS).history().where(F.col("version") > at).select("operation").collect()
    assert {row["operation"] for row in operations} <= {"VACUUM START", "VACUUM END"}
    interactions.main(widened, options)  # a stream that lags behind all of that
    read = tables.read(widened, "silver.interactions").collect()
    assert {row["event_id"]: row["quantity"] for row in read} == expected


@pytest.mark.usefixtures("lake_in_session")
def test_the_command_mends_a_released_lake(lake: Lake, tmp_path: Path) -> None:
    with tarfile.open(RELEASE) as archive:
        archive.extractall(tmp_path / "released", filter="data")
    shutil.copytree(tmp_path / "released" / "lake" / "silver" / "events", place(lake))
    rows = lake.spark.read.format("delta").load(place(lake)).count()
    dry, done = (
        CliRunner().invoke(app, ["maintain", "--json", "--table", EVENTS, *words]) for words in (["--dry-run"], [])
    )
    assert json.loads(dry.stdout)[0]["features"] == json.loads(done.stdout)[0]["dropped"] == [FEATURE]
    assert rows > 0 and [len(read(place(lake))) for read in READERS.values()] == [rows] * len(READERS)
    assert tables.read(lake, EVENTS).count() == rows

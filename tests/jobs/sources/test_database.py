"""A table of a real PostgreSQL: whole, by its changes, and what it may say when it cannot be read."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.privacy import keys
from jobs.sources import history
from jobs.sources.landing import land
from jobs.sources.source import source_of
from tests.conftest import SHORT_LIVED_JVM, settings_under
from tests.jobs.sources.conftest import FIELDS, PASSWORD, Database, Sourced

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)
REST = ", ".join(f"{name} text" for name in FIELDS.split(",")[2:])


@pytest.fixture
def customers(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An empty table `customers`, and the login in the environment."""
    monkeypatch.setenv("PGUSER", "keeper")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    columns = f"household_id bigint, age text, {REST}, changed_at timestamp, changed_tz timestamptz, revision int"
    postgres.run(f"DROP TABLE IF EXISTS customers CASCADE; CREATE TABLE customers ({columns})")
    return postgres


def states(lake: Lake) -> list[tuple[str, str | None, bool]]:
    rows = tables.read(lake, "silver.crm").orderBy("user_id", "valid_from").collect()
    return [(row["user_id"], row["attributes"].get("age"), row["valid_to"] is None) for row in rows]


def test_a_table_is_landed_whole_with_its_history(lake: Lake, sourced: Sourced, customers: Database) -> None:
    own = sourced(crm=customers.url, crm_table="customers")
    customers.run("INSERT INTO customers (household_id, age) SELECT n, 'a' FROM generate_series(1, 25000) AS n")
    land(own, "crm", AT)
    customers.run("DELETE FROM customers WHERE household_id = 2; UPDATE customers SET age = 'b' WHERE household_id = 1")
    customers.run("INSERT INTO customers (household_id) VALUES (NULL), (7), (7)")
    land(own, "crm", AT + DAY)
    history.keep(own, "crm")
    assert [row for row in states(lake) if row[0] in ("1", "2", "3", "7")] == [
        ("1", "a", False),
        ("1", "b", True),
        ("2", "a", False),
        ("3", "a", True),
        ("7", "a", True),
    ]
    rejected = tables.read(lake, "quarantine.sources").orderBy("row_key").collect()
    assert [(row["place"], row["row_key"], row["reasons"]) for row in rejected] == [
        ("customers", None, ["user_id: missing"]),
        *[("customers", "7", ["user_id: not unique in the source"])] * 3,
    ]


@pytest.fixture
def in_new_york(lake: Lake) -> Iterator[None]:
    """The JVM's own zone is five hours behind what sessions count in; a driver takes its word for it."""
    zones = lake.spark._jvm.java.util.TimeZone  # type: ignore[union-attr]
    before = zones.getDefault()
    zones.setDefault(zones.getTimeZone("America/New_York"))
    yield
    zones.setDefault(before)


@pytest.mark.usefixtures("in_new_york")
@pytest.mark.parametrize(
    ("column", "moments"),
    [
        ("revision", ("9", "10", "11")),  # as text 9 would be the greatest
        ("changed_at", ("'2026-03-08 02:30:00.000001'", "'2026-03-08 02:30:00.000002'", "'2026-03-08 03:30'")),
        ("changed_tz", ("'2026-03-08 01:59:59.5-05'", "'2026-03-08 03:00:00-04'", "'2026-03-08 07:00:01+00'")),
    ],
)
def test_changes_only_when_incremental(
    lake: Lake, sourced: Sourced, customers: Database, column: str, moments: tuple[str, str, str]
) -> None:
    own = sourced(crm=customers.url, crm_table="customers", crm_mode="incremental", crm_changed=column)
    insert = f"INSERT INTO customers (household_id, age, {column}) VALUES "
    first, second, third = moments
    customers.run(insert + f"(1, 'a', {first}), (2, 'a', {second})")
    land(own, "crm", AT)
    # A row of the same moment may come after the first was read.
    customers.run(insert + f"(3, 'a', {second}), (4, 'a', {third})")
    customers.run("UPDATE customers SET age = 'unseen' WHERE household_id = 1")
    land(own, "crm", AT + DAY)
    rows = tables.read(lake, "bronze.crm").where("landing = 2").collect()
    assert {row["user_id"] for row in rows} == {"2", "3", "4"}
    customers.run("DELETE FROM customers")
    customers.run("INSERT INTO customers (household_id, age) VALUES (5, 'without a mark')")
    land(own, "crm", AT + 2 * DAY)
    assert {row["user_id"] for row in tables.read(lake, "bronze.crm").where("landing = 3").collect()} == {"5"}
    customers.run("DELETE FROM customers")
    before = tables.version(lake, "ops.landings")
    land(own, "crm", AT + 3 * DAY)
    assert tables.version(lake, "ops.landings") == before


def test_faults_are_one_line_without_a_login(
    lake: Lake,
    sourced: Sourced,
    customers: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fault(url: str = customers.url, table: str = "customers") -> str:
        with pytest.raises(OperatorError) as raised:
            land(sourced(crm=url, crm_table=table), "crm", AT)
        assert "\n" not in str(raised.value)
        return str(raised.value)

    with caplog.at_level(logging.INFO):
        assert "no such table or column, or the login may not read it (SQLSTATE 42P01)" in fault(table="nowhere")
        assert "there is no such database (SQLSTATE 3D000)" in fault(url=customers.url.replace("shop", "shoe"))
        assert "the database does not answer (SQLSTATE 08001)" in fault(url="jdbc:postgresql://127.0.0.1:9/shop")
        customers.run("CREATE VIEW nobody AS SELECT age FROM customers")
        assert f"names household_id, which {customers.url} nobody lacks" in fault(table="nobody")
        monkeypatch.setenv("PGPASSWORD", PASSWORD + "-wrong")
        assert "the database refuses the login (SQLSTATE 28P01)" in fault()
        monkeypatch.delenv("PGPASSWORD")
        assert fault() == "environment variable PGPASSWORD is not set; the database's login comes by it"
    assert PASSWORD not in caplog.text


def test_what_a_database_says_of_a_row_is_not_printed(customers: Database, tmp_path: Path) -> None:
    """By the command itself: PostgreSQL's own words repeat the value, and Spark's log those words."""
    broken = ", ".join(["CAST(age AS int)::text AS age", *FIELDS.split(",")[2:]])
    customers.run(f"CREATE VIEW broken AS SELECT household_id, {broken} FROM customers")
    customers.run("INSERT INTO customers (household_id, age) VALUES (1, 'anna.private')")
    place = {"LAKEHOUSE_SOURCES__CRM__LOCATION": customers.url, "LAKEHOUSE_SOURCES__CRM__TABLE": "broken"}
    memory = {"LAKEHOUSE_HOME": str(tmp_path), "LAKEHOUSE_SPARK__DRIVER_MEMORY": "1g"}
    keys.keep(settings_under(memory).privacy)
    command = [Path(sys.executable).with_name("lakehouse"), "run", "bronze.crm"]
    result = subprocess.run(
        command, env={**os.environ, **SHORT_LIVED_JVM, **place, **memory}, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "the database failed (SQLSTATE 22P02)" in result.stderr
    assert "anna.private" not in result.stdout + result.stderr and PASSWORD not in result.stdout + result.stderr


def test_the_login_is_nowhere_in_the_lake(lake: Lake, sourced: Sourced, customers: Database, tmp_path: Path) -> None:
    customers.run("INSERT INTO customers (household_id) VALUES (1)")
    land(sourced(crm=customers.url, crm_table="customers"), "crm", AT)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 5
    assert not [file for file in files if PASSWORD.encode() in file.read_bytes()]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (
            {"crm": "jdbc:postgresql://h/b?user=u&password=p-secret"},
            r"sources\.crm\.location holds a login; take it out",
        ),
        ({"crm": "jdbc:postgresql://u:p-secret@h/b"}, r"sources\.crm\.location holds a login.*PGUSER and PGPASSWORD"),
        ({"crm": "jdbc:postgresql://h/b?sslpassword=p-secret"}, r"sources\.crm\.location holds a login"),
        ({"crm": "jdbc:postgresql://h/b"}, r"say the table or view in sources\.crm\.table"),
        ({"crm": "jdbc:postgresql://h/b", "crm_table": "t", "crm_mode": "incremental"}, r"sources\.crm\.changed"),
    ],
)
def test_settings_that_do_not_go_together_are_named(sourced: Sourced, sources: dict[str, str], message: str) -> None:
    with pytest.raises(OperatorError, match=message) as raised:
        source_of("crm", sourced(**sources).settings)
    assert "p-secret" not in str(raised.value)

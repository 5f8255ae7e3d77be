import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake

from expectations.schemas import TABLES
from jobs.errors import OperatorError
from jobs.lake import places, tables
from jobs.lake.lake import Lake
from tests.other_lake import rooted

FALLBACKS = "segment_id string, rank int, item_id string, score double"


def rows(lake: Lake, *items: str):  # type: ignore[no-untyped-def]
    return lake.spark.createDataFrame([("s", 1, item, 1.0) for item in items], FALLBACKS)


@pytest.mark.usefixtures("lake_in_session")
def test_a_table_opens_by_name_once_it_is_written(lake: Lake) -> None:
    assert tables.overwrite(lake, "gold.fallbacks", rows(lake, "a")) == 1
    assert lake.spark.table("gold.fallbacks").count() == 1


def test_overwrite_replaces_and_tells_the_version(lake: Lake) -> None:
    tables.overwrite(lake, "gold.fallbacks", rows(lake, "a", "b"))
    assert tables.overwrite(lake, "gold.fallbacks", rows(lake, "c")) == tables.version(lake, "gold.fallbacks") == 2
    assert [row["item_id"] for row in tables.read(lake, "gold.fallbacks").collect()] == ["c"]
    assert tables.read(lake, "gold.fallbacks", version=1).count() == 2


def test_what_another_process_wrote_is_known_at_once(lake: Lake) -> None:
    """Delta keeps what it knew of a table; a withdrawal that another process wrote must not be overlooked for that."""
    tables.overwrite(lake, "gold.fallbacks", rows(lake, "a"))
    place = places.table(lake.root, "gold.fallbacks")
    for written in (2, 3):
        write_deltalake(place, DeltaTable(place).to_pyarrow_table().slice(0, 1), mode="append")
        assert tables.version(lake, "gold.fallbacks") == written
        assert tables.read(lake, "gold.fallbacks", tables.version(lake, "gold.fallbacks")).count() == written


def test_only_the_rows_named_are_replaced(lake: Lake) -> None:
    def of(run: str, item: str):  # type: ignore[no-untyped-def]
        return lake.spark.createDataFrame([(run, item, [1.0])], "run_id string, item_id string, factors array<float>")

    tables.overwrite(lake, "gold.item_factors", of("r1", "a"), "run_id = 'r1'")
    tables.overwrite(lake, "gold.item_factors", of("r2", "b"), "run_id = 'r2'")
    tables.overwrite(lake, "gold.item_factors", of("r1", "c"), "run_id = 'r1'")
    pairs = {(row["run_id"], row["item_id"]) for row in tables.read(lake, "gold.item_factors").collect()}
    assert pairs == {("r1", "c"), ("r2", "b")}


def test_the_same_batch_appends_once(lake: Lake) -> None:
    tables.create(lake, "gold.fallbacks")
    for query, batch in (("q", 0), ("q", 0), ("q", 1), ("other", 0)):
        tables.append_once(lake, "gold.fallbacks", rows(lake, f"{query}{batch}"), query, batch)
    items = sorted(row["item_id"] for row in tables.read(lake, "gold.fallbacks").collect())
    assert items == ["other0", "q0", "q1"]


def test_a_frame_that_lacks_a_column_is_refused(lake: Lake) -> None:
    with pytest.raises(Exception, match="score"):
        tables.overwrite(lake, "gold.fallbacks", rows(lake, "a").drop("score"))
    assert tables.read(lake, "gold.fallbacks").count() == 0


def test_a_table_that_is_not_built_names_its_job(lake: Lake) -> None:
    with pytest.raises(OperatorError, match=r"gold\.person_factors is not built yet.*lakehouse run train\.als"):
        tables.read(lake, "gold.person_factors")
    with pytest.raises(OperatorError, match=r"no table gold\.rating; the tables are: .*gold\.ratings"):
        tables.read(lake, "gold.rating")


@pytest.mark.usefixtures("lake_in_session")
def test_the_log_keeps_no_values_of_people(lake: Lake) -> None:
    tables.create(lake, "silver.events")
    row = {"event_id": "e-anna", "event_type": "product_view", "user_id": "anna", "offset": 41_972}
    schema = ", ".join(f"{name} {'bigint' if name == 'offset' else 'string'}" for name in row)
    lake.spark.createDataFrame([tuple(row.values())], schema).createOrReplaceTempView("one")
    lake.spark.sql(f"INSERT INTO silver.events ({', '.join(row)}) SELECT {', '.join(row)} FROM one")
    log = Path(lake.root) / "silver" / "events" / "_delta_log"
    commits = "".join(file.read_text(encoding="utf-8") for file in log.glob("*.json"))
    assert "41972" in commits and "anna" not in commits


@pytest.mark.usefixtures("lake_in_session")
def test_a_table_whose_making_was_killed_is_made(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAKING_SECONDS", 0.1)
    log = Path(places.table(lake.root, "gold.fallbacks"), "_delta_log")
    log.mkdir(parents=True)
    (log / f".{0:020d}.json.3f.tmp").write_text("{", encoding="utf-8")
    assert not tables.exists(lake, "gold.fallbacks")
    with pytest.raises(OperatorError, match=r"gold\.fallbacks is not built yet"):
        tables.read(lake, "gold.fallbacks")
    tables.append(lake, "gold.fallbacks", rows(lake, "a"))
    assert tables.row_count(lake, "gold.fallbacks") == 1


@pytest.mark.usefixtures("lake_in_session")
def test_a_table_that_another_process_makes_is_waited_for(lake: Lake, tmp_path: Path) -> None:
    def make(elsewhere: Lake, log: Path) -> None:
        tables.create(elsewhere, "gold.fallbacks")
        made = Path(places.table(elsewhere.root, "gold.fallbacks"), "_delta_log", f"{0:020d}.json")
        shutil.copy(made, log / ".made")
        (log / ".made").rename(log / made.name)

    log = Path(places.table(lake.root, "gold.fallbacks"), "_delta_log")
    log.mkdir(parents=True)
    other = threading.Thread(target=make, args=(rooted(lake, tmp_path / "other"), log))
    other.start()
    tables.append(lake, "gold.fallbacks", rows(lake, "a"))
    other.join()
    assert tables.version(lake, "gold.fallbacks") == 1 and tables.row_count(lake, "gold.fallbacks") == 1


@pytest.mark.usefixtures("lake_in_session")
def test_jobs_that_make_the_same_tables_at_once_all_go_on(lake: Lake) -> None:
    with ThreadPoolExecutor(3) as makers:
        for name in TABLES:
            list(makers.map(lambda name: tables.create(lake, name), [name] * 3))
    assert {name: tables.version(lake, name) for name in TABLES} == dict.fromkeys(TABLES, 0)
    assert lake.spark.table("gold.fallbacks").isEmpty()


@pytest.mark.parametrize("also", ["", "_last_checkpoint"])
def test_a_table_is_there_when_its_first_commits_are_cleaned_away(lake: Lake, also: str) -> None:
    for item in ("a", "b"):
        tables.append(lake, "gold.fallbacks", rows(lake, item))
    log = Path(places.table(lake.root, "gold.fallbacks"), "_delta_log")
    DeltaTable(str(log.parent)).create_checkpoint()
    for file in (f"{0:020d}.json", f".{0:020d}.json.crc", *filter(None, [also])):
        (log / file).unlink()
    assert tables.exists(lake, "gold.fallbacks") and tables.row_count(lake, "gold.fallbacks") == 2
    tables.append(lake, "gold.fallbacks", rows(lake, "c"))
    assert tables.row_count(lake, "gold.fallbacks") == 3

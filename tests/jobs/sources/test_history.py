"""silver.crm: every state of a row with its time, from landings of a file."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from delta.exceptions import ConcurrentAppendException

from expectations.gate import check
from jobs import job
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.silver import crm as silver_crm
from jobs.sources import history, landings
from jobs.sources.landing import land
from tests.jobs.sources.conftest import Sourced, crm

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def day(moment: datetime | None) -> int | None:
    return None if moment is None else (moment.astimezone(UTC) - AT).days


def states(lake: Lake) -> list[tuple[str, str | None, int | None, int | None]]:
    """(key, age, day from, day to) of every row of silver.crm."""
    rows = tables.read(lake, "silver.crm").orderBy("user_id", "valid_from").collect()
    return [
        (row["user_id"], row["attributes"].get("age"), day(row["valid_from"]), day(row["valid_to"])) for row in rows
    ]


class Shop:
    """A CRM in one file, landed and kept day by day."""

    def __init__(self, lake: Lake, file: Path) -> None:
        self.lake, self.file = lake, file

    def land(self, number: int, *rows: str) -> None:
        self.file.write_text(crm(*rows))
        land(self.lake, "crm", AT + number * DAY)

    def keep(self) -> None:
        silver_crm.main(self.lake, job.Options(AT))


@pytest.fixture
def shop(sourced: Sourced, tmp_path: Path) -> Shop:
    return Shop(sourced(crm=str(tmp_path / "crm.csv"), max_shrink=1.0), tmp_path / "crm.csv")


DAYS = (
    ("1,a", "2,a", "3,a", "4"),
    ("1,a", "2,b", "4,a"),  # 1 stays, 2 changes, 3 goes, 4 has an age now
    ("1,a", "2,b", "4,a"),
    ("1,a", "2,b", "3,a", "4"),  # 3 comes back, 4 has none again
)
EXPECTED = [
    ("1", "a", 0, None),
    ("2", "a", 0, 1),
    ("2", "b", 1, None),
    ("3", "a", 0, 1),
    ("3", "a", 3, None),
    ("4", None, 0, 1),
    ("4", "a", 1, 3),
    ("4", None, 3, None),
]


@pytest.fixture(scope="module")
def four_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a lake with the four days landed is kept; the first test that needs it makes it."""
    return tmp_path_factory.mktemp("four-days") / "lake"


@pytest.fixture
def landed_shop(shop: Shop, tmp_path: Path, four_days: Path) -> Shop:
    """The four days are landed, and nothing is kept yet."""
    if four_days.exists():
        shutil.copytree(four_days, tmp_path / "lake", dirs_exist_ok=True)
    else:
        for number, rows in enumerate(DAYS):
            shop.land(number, *rows)
        shutil.copytree(tmp_path / "lake", four_days)
    return shop


def test_every_state_has_its_time(lake: Lake, landed_shop: Shop) -> None:
    landed_shop.keep()
    assert states(lake) == EXPECTED
    assert all(outcome.success for outcome in check(tables.read(lake, "silver.crm"), "silver.crm", 0))
    landings = tables.read(lake, "ops.landings").where("table_name = 'silver.crm'").orderBy("landing").collect()
    assert [(row["rows"], row["opened"], row["closed"]) for row in landings] == [
        (4, 4, 0),
        (3, 2, 3),
        (3, 0, 0),
        (4, 2, 1),
    ]
    now, then = history.current_rows(lake, "silver.crm"), history.rows_at(lake, "silver.crm", AT + DAY)
    assert {row["user_id"] for row in now.collect()} == {"1", "2", "3", "4"}
    assert {(row["user_id"], row["attributes"].get("age")) for row in then.collect()} == {
        ("1", "a"),
        ("2", "b"),
        ("4", "a"),
    }


def test_a_second_writer_is_told_in_one_line() -> None:
    with (
        pytest.raises(OperatorError, match=r"another run wrote to silver\.crm meanwhile"),
        landings.refusing_conflicts("silver.crm"),
    ):
        raise ConcurrentAppendException("[DELTA_CONCURRENT_APPEND]")


def test_nothing_landed_is_said(lake: Lake, shop: Shop) -> None:
    with pytest.raises(OperatorError, match=r"bronze\.crm is not built yet; build it with: lakehouse run bronze\.crm"):
        shop.keep()


def test_kept_twice_changes_nothing(lake: Lake, shop: Shop) -> None:
    shop.land(0, "1,a")
    shop.keep()
    before = tables.versions(lake, ["silver.crm", "ops.landings"])
    shop.keep()
    assert tables.versions(lake, before) == before


def test_a_row_that_is_there_but_broken_keeps_its_state(lake: Lake, shop: Shop) -> None:
    shop.land(0, "1,a", "2,a", "3,a")
    shop.land(1, "1,b", "1,c", f"2,{'x' * 10_001}", "4,a")
    shop.keep()
    assert states(lake) == [("1", "a", 0, None), ("2", "a", 0, None), ("3", "a", 0, 1), ("4", "a", 1, None)]


def test_what_an_incremental_landing_lacks_goes_on(lake: Lake, sourced: Sourced, tmp_path: Path) -> None:
    own = sourced(crm=str(tmp_path / "crm"), crm_mode="incremental")
    (tmp_path / "crm").mkdir()
    for number, rows in enumerate((("1,a", "2,a"), ("2,b", "3,a"))):
        (tmp_path / "crm" / f"{number}.csv").write_text(crm(*rows))
        land(own, "crm", AT + number * DAY)
    history.keep(own, "crm")
    assert states(lake) == [("1", "a", 0, None), ("2", "a", 0, 1), ("2", "b", 1, None), ("3", "a", 1, None)]
    whole = sourced(crm=str(tmp_path / "crm"))
    (tmp_path / "crm" / "0.csv").unlink()
    with pytest.raises(OperatorError, match=r"2 good rows, 3 were known"):
        land(whole, "crm", AT + 2 * DAY)


@pytest.mark.parametrize("killed_in", ["before the merge", "after the merge"])
def test_killed_while_keeping_and_run_again(
    lake: Lake, landed_shop: Shop, monkeypatch: pytest.MonkeyPatch, killed_in: str
) -> None:
    merge, record, merged = tables.merge, landings.record, []

    def merging(*arguments: Any) -> Any:
        merged.append(1)
        if killed_in == "before the merge" and len(merged) == 2:
            raise KeyboardInterrupt
        return merge(*arguments)

    def recording(*arguments: Any, **columns: Any) -> None:
        if killed_in == "after the merge" and len(merged) == 2:
            raise KeyboardInterrupt
        record(*arguments, **columns)

    with monkeypatch.context() as patch:
        patch.setattr(tables, "merge", merging)
        patch.setattr(landings, "record", recording)
        with pytest.raises(KeyboardInterrupt):
            landed_shop.keep()
    assert [landing.number for landing in landings.past(lake, "crm").pending()] == [2, 3, 4]
    landed_shop.keep()
    assert states(lake) == EXPECTED


def test_a_history_that_is_gone_begins_anew_with_a_whole_landing(lake: Lake, shop: Shop, tmp_path: Path) -> None:
    shop.land(0, "1,a")
    shop.keep()
    path = lake.spark._jvm.org.apache.hadoop.fs.Path(f"{tmp_path}/lake/silver/crm")  # type: ignore[union-attr]
    path.getFileSystem(lake.spark._jsc.hadoopConfiguration()).delete(path, True)
    with pytest.raises(OperatorError, match=r"silver\.crm is gone; land the source whole once.*_CRM__MODE=full"):
        shop.keep()
    land(shop.lake, "crm", AT + DAY)  # the same file
    shop.keep()
    assert states(lake) == [("1", "a", 1, None)]

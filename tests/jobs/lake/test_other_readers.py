"""Every table of the lake opens in polars, in deltalake and in DuckDB, and has the rows that Spark finds there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from expectations.schemas import TABLES
from jobs.lake import places, tables
from jobs.lake.lake import Lake
from jobs.maintenance import upkeep
from tests.conftest import SmallLake
from tests.other_lake import rooted
from tests.readers import READERS

pytestmark = [pytest.mark.services, pytest.mark.slow]
KEPT = ("bronze.events", "silver.events", "quarantine.events", "gold.ratings")
"""The tables that most is written to: every other one is read as the streams and jobs left it."""


@pytest.fixture(scope="module")
def kept_lake(small_lake: SmallLake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A copy of the small lake; files of KEPT were joined."""
    root = tmp_path_factory.mktemp("kept") / "lake"
    shutil.copytree(small_lake.lake.root, root)
    lake = rooted(small_lake.lake, root)
    for name in KEPT:
        upkeep.keep(lake, name, upkeep.plan(lake.settings.maintenance, name))
    return lake


def values(rows: pa.Table) -> dict[str, int]:
    """How many rows have a value in a column."""
    return {name: len(rows) - rows[name].null_count for name in rows.column_names} if len(rows) else {}


def values_by_spark(lake: Lake, name: str) -> dict[str, int]:
    return values(tables.read(lake, name).toArrow())


def test_every_table_opens_and_has_the_rows_that_spark_finds(small_lake: SmallLake, kept_lake: Lake) -> None:
    built = [name for name in TABLES if tables.exists(small_lake.lake, name)]
    assert {*KEPT, "gold.recommendations", "ops.ledger"} <= {*built}
    for lake, names in ((small_lake.lake, built), (kept_lake, KEPT)):
        assert values_by_spark(lake, "silver.events")
        for name in names:
            expected = values_by_spark(lake, name)
            for reader, read in READERS.items():
                assert values(read(places.table(lake.root, name))) == expected, (name, reader)


def test_what_the_readme_tells_analysts_runs(small_lake: SmallLake, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "polars" in code]
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "lake").symlink_to(small_lake.lake.root)
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("product_view") == 2

"""The sums that `lakehouse status` shows: right, also where rows were deleted beside their files, and never aborted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.lake import places, tables
from jobs.lake.lake import Lake
from jobs.ledger.message_counts import MessageCounts, message_counts
from tests.jobs.maintenance.lake_files import quarantine

READ = """
import sys
from jobs.ledger.message_counts import message_counts
from jobs.settings.loading import load
print(message_counts(load()).received, "pyarrow" in sys.modules)
"""


def ledger(lake: Lake, batches: int) -> None:
    """An account of ten messages for each batch, in a file of its own: one refused, two duplicates, three rejected."""
    counts = {"received": 10, "kept": 4, "quarantined": 3, "duplicate": 2, "refused": 1}
    rows = lake.spark.range(0, batches, 1, batches).withColumnRenamed("id", "batch")
    for name, type_ in TABLES["ops.ledger"].types.items():
        if name != "batch":
            rows = rows.withColumn(name, F.lit(counts.get(name)).cast(type_))
    tables.append(lake, "ops.ledger", rows)


def test_a_lake_that_is_not_begun_has_no_counts_and_one_without_messages_has_noughts(lake: Lake) -> None:
    assert message_counts(lake.settings) is None
    tables.create(lake, "ops.ledger", "quarantine.events")
    assert message_counts(lake.settings) == MessageCounts(0, 0, 0, 0, 0, 0, 0, 0)


def test_the_states_are_those_of_now_also_where_deletion_vectors_hold_them(lake: Lake) -> None:
    """Delta may leave a file as it is, and say beside it which of its rows do not count any more."""
    ledger(lake, batches=3)
    quarantine(lake, files=1)
    place = places.table(lake.root, "quarantine.events")
    lake.spark.sql(f"ALTER TABLE delta.`{place}` SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    many = tables.read(lake, "quarantine.events").crossJoin(lake.spark.range(8)).withColumn("offset", F.col("id"))
    tables.append(lake, "quarantine.events", many.coalesce(1))
    tables.update(lake, "quarantine.events", F.col("offset") == 1, {"state": F.lit("replayed")})
    tables.update(lake, "quarantine.events", F.col("offset") == 2, {"state": F.lit("discarded")})
    tables.delta(lake, "quarantine.events").delete("offset = 3")
    log = Path(place, "_delta_log").glob("*.json")
    assert any('"deletionVector":{' in commit.read_text(encoding="utf-8") for commit in log)
    assert message_counts(lake.settings) == MessageCounts(30, 12, 9, 6, 3, open=6, replayed=1, discarded=1)


@pytest.mark.parametrize("programs", [2, pytest.param(10, marks=pytest.mark.long)])
def test_the_programs_end_is_never_an_abort(lake: Lake, programs: int) -> None:
    """Threads of pyarrow that held files of deltalake aborted 9 programs of 100 as they ended, with status 134. A few
    programs may miss that, so each also says whether pyarrow has any threads here."""
    ledger(lake, batches=12)
    quarantine(lake, files=12)
    environment = {**os.environ, "LAKEHOUSE_LAKE__ROOT": lake.root}
    for _ in range(programs):
        command = [sys.executable, "-c", READ]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stdout) == (0, "120 False\n"), ended.stderr[-2000:]

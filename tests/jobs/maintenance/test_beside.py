"""Upkeep beside appends and updates, and killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.maintenance import upkeep
from tests.conftest import SHORT_LIVED_JVM
from tests.jobs.maintenance.lake_files import (
    A_WEEK,
    FALLBACKS,
    QUARANTINE,
    data_files,
    fill,
    folder,
    held,
    operations,
    quarantine,
    ranks,
    when,
)


@pytest.mark.parametrize("reads_itself", [pytest.param(False, marks=pytest.mark.long), True])
def test_an_append_under_way_is_not_hindered(lake: Lake, tmp_path: Path, reads_itself: bool) -> None:
    """Files are joined after the append has begun and before it commits, also when it asked its own table first."""
    fill(lake, 4)
    go = str(tmp_path / "go")

    def held_up(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        Path(f"{go}.begun").touch()
        when(Path(go).exists)
        yield from frames

    late = ranks(lake, 4).mapInPandas(held_up, TABLES[FALLBACKS].ddl)
    if reads_itself:
        items = tables.read(lake, FALLBACKS).select("item_id")
        taken = ranks(lake, 3, 2).join(items, "item_id", "left_semi").select("item_id").persist()
        late = late.join(F.broadcast(taken), "item_id", "left_anti").select(*TABLES[FALLBACKS].names)
    failures: list[BaseException] = []

    def append() -> None:
        try:
            tables.append_once(lake, FALLBACKS, late, "query", 1)
        except BaseException as error:
            failures.append(error)

    appending = threading.Thread(target=append)
    appending.start()
    when(Path(f"{go}.begun").exists)
    assert upkeep.keep(lake, FALLBACKS, A_WEEK).files_after == 1
    Path(go).touch()
    appending.join()
    assert failures == []
    assert held(lake) == list(range(5))
    assert operations(lake, FALLBACKS)[-4:] == ["OPTIMIZE", "VACUUM START", "VACUUM END", "WRITE"]


@pytest.mark.parametrize(("tries", "joined"), [(1, False), (upkeep.TRIES, True)])
def test_an_update_meanwhile_wins_and_joining_is_tried_again(
    lake: Lake, tries: int, joined: bool, caplog: pytest.LogCaptureFixture
) -> None:
    quarantine(lake, 100)
    at = folder(lake, QUARANTINE)
    before, reports = data_files(at), []
    many = upkeep.Plan(target_file_mb=0.05, keep_hours=168, log_days=30)  # some thirty files to write
    keeping = threading.Thread(target=lambda: reports.append(upkeep.keep(lake, QUARANTINE, many, tries)))
    lake.spark.conf.set("spark.databricks.delta.optimize.maxThreads", "1")  # one after the other
    with caplog.at_level("INFO"):
        keeping.start()
        when(lambda: data_files(at) > before)
        assert tables.update(lake, QUARANTINE, F.col("offset") == 7, {"state": F.lit("discarded")}) == 1
        keeping.join()
    lake.spark.conf.unset("spark.databricks.delta.optimize.maxThreads")
    assert ("came first" in caplog.text) is joined and reports[0].joined is joined, operations(lake, QUARANTINE)
    assert ("the next run will join them" in caplog.text) is not joined
    states = tables.read(lake, QUARANTINE).groupBy("state").count().collect()
    assert {row["state"]: row["count"] for row in states} == {"open": 99, "discarded": 1}


def test_an_update_that_joining_overtakes_is_done_again(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """Joining commits while the UPDATE reads: the first try conflicts for real, the second finds the joined file."""
    quarantine(lake, 4)
    go = threading.Event()

    @F.pandas_udf("boolean")
    def held_up(offsets: pd.Series) -> pd.Series:
        if (offsets == 0).any():  # the other core is for the joining
            Path(f"{signs}.begun").touch()
            when(Path(signs).exists)
        return offsets >= 0

    signs = str(folder(lake, QUARANTINE)) + "-signs"
    keeping = threading.Thread(
        target=lambda: (
            when(Path(f"{signs}.begun").exists),
            tables.delta(lake, QUARANTINE).optimize().executeCompaction(),
            Path(signs).touch(),
            go.set(),
        )
    )
    keeping.start()
    with caplog.at_level("INFO"):
        assert tables.update(lake, QUARANTINE, held_up("offset"), {"state": F.lit("discarded")}) == 4
    keeping.join()
    assert go.is_set() and "came first" in caplog.text
    assert operations(lake, QUARANTINE)[-1] == "UPDATE"


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_killed_while_it_joins_files_the_table_is_whole_and_the_next_run_ends_it(
    lake: Lake, tmp_path: Path, how: signal.Signals
) -> None:
    quarantine(lake, 100)
    at, version = folder(lake, QUARANTINE), tables.version(lake, QUARANTINE)
    before = data_files(at)
    command = [Path(sys.executable).parent / "lakehouse", "maintain", "--table", QUARANTINE, "--json"]
    own = {"LAKEHOUSE_LAKE__ROOT": lake.root, "LAKEHOUSE_HOME": str(tmp_path)}
    own |= {"LAKEHOUSE_MAINTENANCE__TARGET_FILE_MB": "0.05", "LAKEHOUSE_SPARK__DRIVER_MEMORY": "1g"}
    run: dict[str, Any] = {"env": {**os.environ, **SHORT_LIVED_JVM, **own}, "cwd": tmp_path}
    process = subprocess.Popen(command, **run, stdout=subprocess.PIPE, start_new_session=True)
    try:
        when(lambda: data_files(at) > before or process.poll() is not None)
        os.killpg(process.pid, how) if how is signal.SIGKILL else process.terminate()
        process.wait(60)
        when(lambda: not is_alive(process.pid))
    finally:
        if is_alive(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
    assert operations(lake, QUARANTINE, version) == [], "it was not killed in the middle"
    assert data_files(at) > before
    assert tables.read(lake, QUARANTINE).distinct().count() == 100
    if how is signal.SIGTERM:
        return
    again = subprocess.run(command, **run, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr[-2000:]
    (report,) = json.loads(again.stdout)
    assert report["table"] == QUARANTINE and (report["files_before"], report["joined"]) == (100, True)
    assert report["files_after"] < 50 and report["removed"] == 0
    assert tables.read(lake, QUARANTINE).distinct().count() == 100


def is_alive(group: int) -> bool:
    """Any process of the group, such as the JVM that a killed Python leaves behind for a moment."""
    members = [each for each in psutil.process_iter(["status"]) if getpgid(each.pid) == group]
    return any(each.info["status"] != psutil.STATUS_ZOMBIE for each in members)


def getpgid(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None

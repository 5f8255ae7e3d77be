"""maintain_files: the files of a table after days of small batches with upkeep, against those without."""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.lake import places, tables
from jobs.lake.lake import Lake
from jobs.maintenance import upkeep
from tests.bench.clock import result

TABLE = "ops.ledger"
BATCHES = 500
PER_DAY = 25
# Files that the newest version does not need go at once: the stream beside has read all by then. The log after a day.
KEPT = upkeep.Plan(target_file_mb=128, keep_hours=0, log_days=1)
A_DAY = 86_400


@dataclass(frozen=True)
class Day:
    """Files on storage at the end of a day, just before upkeep; `written` by all batches so far."""

    batches: int
    data_files: int
    log_files: int
    written: int
    upkeep_seconds: float


def days(lake: Lake, batches: int, per_day: int) -> Iterator[Day]:
    """Small batches appended to TABLE beside a stream that reads it, with upkeep at the end of each day.

    A day is `per_day` batches long: then the log's files are made a day older, as Delta counts age by their time.
    Raises RuntimeError unless the stream saw each row exactly once.
    """
    tables.create(lake, TABLE)
    folder = Path(places.table(lake.root, TABLE))
    written: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="lakehouse-upkeep-") as state:
        beside = tables.stream(lake, TABLE).writeStream.format("memory").queryName("beside")
        query = beside.option("checkpointLocation", state).trigger(processingTime="1 second").start()
        try:
            for batch in range(batches):
                place = f"'t' topic, 'u' topic_id, 0 partition, {batch}L first_offset, {batch}L last_offset"
                counts = "1L received, 1L kept, 0L quarantined, 0L duplicate, 0L refused, 0L lost"
                row = lake.spark.sql(f"SELECT {place}, {counts}, {batch}L batch")
                tables.append_once(lake, TABLE, row, "upkeep", batch)
                written |= {file.name for file in folder.glob("*.parquet")}
                if (batch + 1) % per_day == 0:
                    query.processAllAvailable()
                    data, log = (len(list(at)) for at in (folder.glob("*.parquet"), (folder / "_delta_log").iterdir()))
                    began = time.monotonic()
                    upkeep.keep(lake, TABLE, KEPT)
                    yield Day(batch + 1, data, log, len(written), time.monotonic() - began)
                    _age(folder / "_delta_log")
            query.processAllAvailable()
        finally:
            query.stop()
    seen = [row["batch"] for row in lake.spark.table("beside").orderBy("batch").collect()]
    kept = [row["batch"] for row in tables.read(lake, TABLE).orderBy("batch").collect()]
    if not seen == kept == list(range(batches)):
        raise RuntimeError(f"of {batches} rows the table holds {len(kept)} and the stream beside saw {len(seen)}")


def _age(folder: Path) -> None:
    for file in folder.iterdir():
        at = file.stat().st_mtime - A_DAY
        os.utime(file, (at, at))


def case(lake: Lake) -> dict[str, Any]:
    each_day = list(days(lake, BATCHES, PER_DAY))
    half = [day for day in each_day if day.batches <= BATCHES // 2]
    rest = each_day[len(half) :]
    return result(
        max(day.data_files for day in rest),
        "data files at most",
        "data files without upkeep",
        each_day[-1].written,
        BATCHES,
        data_files_at_most_first_half=max(day.data_files for day in half),
        log_files_at_most_first_half=max(day.log_files for day in half),
        log_files_at_most=max(day.log_files for day in rest),
        upkeep_seconds=round(sum(day.upkeep_seconds for day in each_day) / len(each_day), 2),
    )

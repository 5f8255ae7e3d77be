"""Tables of small files for upkeep's tests, and what lies of them on storage."""

import time
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.maintenance import upkeep

A_WEEK = upkeep.Plan(target_file_mb=128, keep_hours=168, log_days=30)
AT_ONCE = upkeep.Plan(target_file_mb=128, keep_hours=0, log_days=30)
FALLBACKS = "gold.fallbacks"
QUARANTINE = "quarantine.events"


def ranks(lake: Lake, first: int, count: int = 1) -> DataFrame:
    """Rows of `gold.fallbacks` with these ranks, each in a partition of its own."""
    number = F.col("id").cast("int").alias("rank")
    named = F.concat(F.lit("i"), "id").alias("item_id")
    return lake.spark.range(first, first + count, 1, count).select(
        F.lit("s").alias("segment_id"), number, named, F.lit(1.0).alias("score")
    )


def fill(lake: Lake, files: int) -> None:
    """Ranks from 0 on, each in a file of its own."""
    tables.create(lake, FALLBACKS)
    tables.append_once(lake, FALLBACKS, ranks(lake, 0, files), "query", 0)


def held(lake: Lake, version: int | None = None) -> list[int]:
    return sorted(row["rank"] for row in tables.read(lake, FALLBACKS, version).collect())


def quarantine(lake: Lake, files: int) -> None:
    """Open messages of 10 kB each, one in a file."""
    rows = lake.spark.range(0, files, 1, files).select(
        F.lit("events").alias("topic"),
        F.lit(0).alias("partition"),
        F.col("id").alias("offset"),
        F.current_timestamp().alias("received_at"),
        F.lit(None).cast("binary").alias("key"),
        F.randstr(F.lit(10_000)).cast("binary").alias("value"),
        F.lit(None).cast("int").alias("sealed_by"),
        F.lit(10_000).alias("size_bytes"),
        *[F.lit(None).cast("string").alias(name) for name in ("topic_id", "event_id", "event_type")],
        F.array(F.lit("message: not JSON")).alias("reasons"),
        F.lit(1).alias("contract_version"),
        F.lit("open").alias("state"),
    )
    tables.create(lake, QUARANTINE)
    tables.append(lake, QUARANTINE, rows)


def folder(lake: Lake, name: str) -> Path:
    return Path(lake.root) / name.replace(".", "/")


def data_files(at: Path) -> set[Path]:
    return set(at.rglob("*.parquet")) - set((at / "_delta_log").rglob("*.parquet"))


def operations(lake: Lake, name: str, since: int = -1) -> list[str]:
    rows = tables.delta(lake, name).history().where(F.col("version") > since).orderBy("version").collect()
    return [row["operation"] for row in rows]


def when(seen: Any, seconds: float = 240) -> None:
    """Waits until `seen()`; fails when that does not come about."""
    until = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < until
        time.sleep(0.005)

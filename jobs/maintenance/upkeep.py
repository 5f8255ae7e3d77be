"""Keeping one Delta table: its small files joined, its old files and old log entries removed, and nothing in it that
other programs cannot read.

Beside the streams: joining changes no row, so appends go on and a stream that reads the table sees nothing of it.
An UPDATE or DELETE of rows in the files being joined wins; joining is then tried again, and left for the next time
after a few tries. Files are removed only when no version of the last `keep_hours` needs them, and when they are as
old themselves: a reader of a version so recent, or a stream that lags so far, keeps its files.

Killed at any instant: joined files count from one commit on, before it they are waste that a later run removes.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.conflicts import CONFLICTS, again_on_conflict
from jobs.lake.lake import Lake
from jobs.lake.session import retention
from jobs.settings.loading import Settings
from jobs.settings.maintenance_settings import MaintenanceSettings

log = logging.getLogger(__name__)

SAFE_HOURS = 168  # Delta's own least: a week, so that a stream may stand still over a long weekend
TRIES = 4
MIB = 1 << 20
DELTA = "spark.databricks.delta"
UNREADABLE_ELSEWHERE = ("typeWidening",)
"""Table features that releases until 2026-11 made tables with, and that neither polars nor deltalake can read."""


@dataclass(frozen=True)
class Plan:
    """How a table is kept: files joined up to `target_file_mb`, the unneeded removed after `keep_hours`."""

    target_file_mb: float
    keep_hours: float
    log_days: float

    @property
    def properties(self) -> dict[str, str]:
        return retention(self.keep_hours, self.log_days)

    @property
    def small(self) -> int:
        """Bytes under which a file is joined. Half of the target: what is nearly full is not rewritten every day."""
        return round(self.target_file_mb * MIB / 2)


@dataclass(frozen=True)
class Kept:
    """What was done to a table. `files`, `bytes`: of its newest version, before and after; `removed`, `removed_bytes`:
    files deleted from storage. `joined` is false where another's commits came first every time. `dropped`: table
    features that kept other programs from reading it."""

    table: str
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    removed: int
    removed_bytes: int
    joined: bool
    dropped: list[str]
    seconds: float


@dataclass(frozen=True)
class Due:
    """What would be done to a table: `small` of its `files` joined as far as they have neighbours, `removable` files
    deleted from storage, `properties` set, and `features` dropped that keep other programs from reading it."""

    table: str
    files: int
    bytes: int
    small: int
    removable: int
    properties: dict[str, str]
    features: list[str]


def plan(maintenance: MaintenanceSettings, name: str) -> Plan:
    """The settings of that table: its own where it has them, else everybody's."""
    common = maintenance.model_dump(include={"target_file_mb", "keep_hours", "log_days"})
    own = maintenance.tables[name].model_dump(exclude_none=True) if name in maintenance.tables else {}
    return Plan(**{**common, **own})


def require_safe(settings: Settings) -> None:
    """Raises OperatorError where a retention is under a week."""
    maintenance = settings.maintenance
    for name in TABLES:
        kept = plan(maintenance, name)
        for setting, hours in (("keep_hours", kept.keep_hours), ("log_days", kept.log_days * 24)):
            if hours < SAFE_HOURS:
                where = f"maintenance.{setting}" if name not in maintenance.tables else f"maintenance.tables, {name}"
                raise OperatorError(
                    f"{setting} of {name} is {hours:g} hours, under the {SAFE_HOURS} that a stream may lag (setting"
                    f" {where}); raise it, or give --allow-short when nothing reads or writes the table"
                )


def tables_to_maintain(lake: Lake, names: Sequence[str] = ()) -> list[str]:
    """The tables named; without names, all that are built and not excluded.

    Raises OperatorError for a named table that is not built or excluded, for a name in the settings that is no
    table's, and where nothing is built.
    """
    maintenance = lake.settings.maintenance
    unknown = [name for name in (*maintenance.exclude, *maintenance.tables) if name not in TABLES]
    if unknown:
        raise OperatorError(f"no table {unknown[0]} (section maintenance); the tables are: {', '.join(TABLES)}")
    excluded = [name for name in names if name in maintenance.exclude]
    if excluded:
        raise OperatorError(f"{', '.join(excluded)} is to be left alone (setting maintenance.exclude)")
    for name in names:
        tables.delta(lake, name)
    selected = list(dict.fromkeys(names)) or [
        name for name in TABLES if name not in maintenance.exclude and tables.exists(lake, name)
    ]
    if not selected:
        raise OperatorError("no table to keep is built yet; build one with: lakehouse run bronze.catalog")
    return selected


def due(lake: Lake, name: str, kept: Plan) -> Due:
    """What `keep` would do now; nothing is changed."""
    detail = tables.delta(lake, name).detail().collect()[0]
    meta = tables.read(lake, name).select("_metadata.file_path", "_metadata.file_size").distinct()
    with _with(lake.spark, {f"{DELTA}.retentionDurationCheck.enabled": "false"}):
        vacuum = f"VACUUM delta.`{detail['location']}` RETAIN {kept.keep_hours:f} HOURS DRY RUN"
        removable = lake.spark.sql(vacuum).count()
    small = meta.where(F.col("file_size") < kept.small).count()
    properties, features = _to_set(detail["properties"], kept), _unreadable_elsewhere(detail["tableFeatures"])
    return Due(name, detail["numFiles"], detail["sizeInBytes"], small, removable, properties, features)


def keep(lake: Lake, name: str, kept: Plan, tries: int = TRIES) -> Kept:
    """Joins the table's small files and removes what is past its time; says so in the log. Safe to repeat."""
    started = time.monotonic()
    table = tables.delta(lake, name)
    before = table.detail().collect()[0]
    _set(lake.spark, before["location"], _to_set(before["properties"], kept))
    dropped = _unreadable_elsewhere(before["tableFeatures"])
    for feature in dropped:
        _drop(lake, name, before["location"], feature, tries)
    joined = _joined(lake, name, kept, tries)
    removed, removed_bytes = _vacuumed(lake, name)
    after = table.detail().collect()[0]
    report = Kept(
        table=name,
        files_before=before["numFiles"],
        files_after=after["numFiles"],
        bytes_before=before["sizeInBytes"],
        bytes_after=after["sizeInBytes"],
        removed=removed,
        removed_bytes=removed_bytes,
        joined=joined,
        dropped=[feature for feature in dropped if feature not in after["tableFeatures"]],
        seconds=round(time.monotonic() - started, 2),
    )
    log.info(
        "%s: %s files of %s bytes, before %s of %s; %s removed, %.1f s",
        name,
        *(
            f"{n:,}"
            for n in (report.files_after, report.bytes_after, report.files_before, report.bytes_before, removed)
        ),
        report.seconds,
    )
    return report


def _to_set(properties: dict[str, str], kept: Plan) -> dict[str, str]:
    return {key: value for key, value in kept.properties.items() if properties.get(key) != value}


def _set(spark: SparkSession, location: str, properties: dict[str, str]) -> None:
    # Only where they differ: a stream that commits at that instant stops, and must be started again.
    if properties:
        listed = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
        spark.sql(f"ALTER TABLE delta.`{location}` SET TBLPROPERTIES ({listed})")


def _unreadable_elsewhere(features: Sequence[str]) -> list[str]:
    return [feature for feature in UNREADABLE_ELSEWHERE if feature in features]


def _drop(lake: Lake, name: str, location: str, feature: str, tries: int) -> None:
    """Files that need the feature are written again. A stream that commits at that instant stops, as in `_set`."""
    log.info("%s: dropping the table feature %s, for polars and deltalake to read the table", name, feature)
    statement = f"ALTER TABLE delta.`{location}` DROP FEATURE {feature}"
    try:
        again_on_conflict(lambda: lake.spark.sql(statement), tries)
    except CONFLICTS:
        log.warning("%s: it still has the feature, its files kept changing; the next run will drop it", name)


def _joined(lake: Lake, name: str, kept: Plan, tries: int) -> bool:
    sizes = {
        f"{DELTA}.optimize.maxFileSize": str(round(kept.target_file_mb * MIB)),
        f"{DELTA}.optimize.minFileSize": str(kept.small),
    }
    try:
        with _with(lake.spark, sizes):
            again_on_conflict(lambda: tables.delta(lake, name).optimize().executeCompaction(), tries)
    except CONFLICTS:
        log.warning("%s: its files could not be joined, rows in them kept changing; the next run will join them", name)
        return False
    return True


def _vacuumed(lake: Lake, name: str) -> tuple[int, int]:
    """Files and bytes removed. The table's own property says how long they stay."""
    table = tables.delta(lake, name)
    before = tables.version(lake, name)
    options = {
        f"{DELTA}.vacuum.logging.enabled": "true",  # by default not on S3: the numbers come from there
        f"{DELTA}.vacuum.parallelDelete.enabled": "true",
    }
    with _with(lake.spark, options):
        table.vacuum()
    ours = table.history(tables.version(lake, name) - before).where(F.col("operation").startswith("VACUUM"))
    metrics = {key: int(value) for row in ours.collect() for key, value in row["operationMetrics"].items()}
    return metrics["numDeletedFiles"], metrics["sizeOfDataToDelete"]


@contextmanager
def _with(spark: SparkSession, changed: dict[str, str]) -> Iterator[None]:
    former = {key: spark.conf.get(key, None) for key in changed}
    for key, value in changed.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, earlier in former.items():
            spark.conf.unset(key) if earlier is None else spark.conf.set(key, earlier)

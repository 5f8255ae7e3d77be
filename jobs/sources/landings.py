"""ops.landings: what was landed when, and what silver has taken in. A row is written last, so it says: this is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import Row
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.conflicts import CONFLICTS
from jobs.lake.lake import Lake
from jobs.sources.source import Source

TABLE = "ops.landings"


@dataclass(frozen=True)
class Landing:
    """One landing of a bronze table. `number` counts up from 1."""

    number: int
    landed_at: datetime
    is_full: bool


@dataclass(frozen=True)
class Past:
    """All landings of one source so far, the oldest first: rows of ops.landings, without their files.

    `bronze`: what was read. `silver`: what was taken in. `is_lost`: silver's table has been there and is no more.
    """

    name: str
    bronze: list[Row]
    silver: list[Row]
    is_lost: bool

    def next_one(self, source: Source, as_of: datetime) -> Landing:
        """The landing to come. Raises OperatorError when one as of that moment or later is there already."""
        if not self.bronze:
            return Landing(1, as_of, not source.is_incremental)
        last = _landing(self.bronze[-1])
        if as_of <= last.landed_at:
            raise OperatorError(
                f"bronze.{self.name} has a landing as of {last.landed_at.isoformat()}, and history is written"
                f" forwards; {as_of.isoformat()} is not later: give a later --as-of"
            )
        return Landing(last.number + 1, as_of, not source.is_incremental)

    def pending(self) -> list[Landing]:
        """The landings that silver has not taken in."""
        taken = self.silver[-1]["landing"] if self.silver else 0
        return [_landing(row) for row in self.bronze if row["landing"] > taken]

    def known_rows(self) -> int | None:
        """How many rows the source has as far as is known: silver's, or a full landing's since. None: unknown."""
        exact = [*[row for row in self.bronze if row["mode"] == "full"], *self.silver]
        return max(exact, key=lambda row: row["landing"])["rows"] if exact else None

    def watermark(self, source: Source) -> str | None:
        """Where an incremental read of the same table by the same column goes on. None: from the beginning."""
        same = (source.origin, source.changed)
        watermarks = [row["watermark"] for row in self.bronze if (row["origin"], row["changed_column"]) == same]
        return next((mark for mark in reversed(watermarks) if mark is not None), None)


def past(lake: Lake, name: str) -> Past:
    """Raises OperatorError when nothing was landed ever."""
    both = F.col("table_name").isin(f"bronze.{name}", f"silver.{name}")
    rows = tables.read(lake, TABLE).where(both).drop("files").orderBy("landing").collect()
    silver = [row for row in rows if row["table_name"] == f"silver.{name}"]
    bronze = [row for row in rows if row["table_name"] == f"bronze.{name}"]
    return Past(name, bronze, silver, bool(silver) and not tables.exists(lake, f"silver.{name}"))


def landed_files(lake: Lake, source: Source) -> dict[str, str]:
    """The files landed so far with their last state; for a full source those of the last landing, if that was full."""
    landings = tables.read(lake, TABLE).where(F.col("table_name") == f"bronze.{source.name}")
    if not source.is_incremental:
        last = landings.orderBy(F.desc("landing")).select("mode", "files").first()
        return dict(last["files"] or {}) if last is not None and last["mode"] == "full" else {}
    each = landings.select("landing", F.explode("files").alias("file", "state"))
    newest = each.groupBy("file").agg(F.max_by("state", "landing").alias("state"))
    return {row["file"]: row["state"] for row in newest.collect()}


def record(lake: Lake, table: str, landing: Landing, **columns: object) -> None:
    """Says that the landing is done in the table; a second call for the same two changes nothing."""
    mode = "full" if landing.is_full else "incremental"
    row = {"table_name": table, "landing": landing.number, "landed_at": landing.landed_at, "mode": mode, **columns}
    schema = TABLES[TABLE]
    frame = lake.spark.createDataFrame([tuple(row.get(name) for name in schema.names)], schema.ddl)
    tables.append_once(lake, TABLE, frame, table, landing.number)


@contextmanager
def refusing_conflicts(table: str) -> Iterator[None]:
    """Says so in one line when another run writes to the table meanwhile; Delta then keeps what that one wrote."""
    try:
        yield
    except CONFLICTS:
        raise OperatorError(f"another run wrote to {table} meanwhile; wait for its end and run this again") from None


def _landing(row: Row) -> Landing:
    # Spark hands out the local time of this machine, without a zone.
    return Landing(row["landing"], row["landed_at"].astimezone(UTC), row["mode"] == "full")

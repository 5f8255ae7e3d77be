"""What a job did: the rows that it read and wrote, by table and Delta version, and how long it took."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from expectations.schemas import TABLES
from jobs.lake import commits, tables
from jobs.lake.lake import Lake


@dataclass(frozen=True)
class TableRows:
    """Rows of a table that a job read or wrote. `version`: that was read, or written last; None where what was read is
    no table, or a table's new rows."""

    table: str
    rows: int
    version: int | None

    def __str__(self) -> str:
        at = "" if self.version is None else f" (version {self.version})"
        return f"{self.table} {self.rows:,} rows{at}"


@dataclass(frozen=True)
class JobReport:
    job: str
    seconds: float
    read: tuple[TableRows, ...]
    wrote: tuple[TableRows, ...]

    def __str__(self) -> str:
        """`gold.ratings: 4.2 s; read silver.interactions 820,066 rows (version 12); wrote gold.ratings ...`."""
        did = (("read", self.read), ("wrote", self.wrote))
        said = [f"{word} {', '.join(map(str, rows))}" for word, rows in did if rows]
        return "; ".join([f"{self.job}: {self.seconds:.1f} s", *said])


def versions(lake: Lake, names: Iterable[str]) -> dict[str, int]:
    """The version of each that is a table and built, -1 for a table that is not; read before the job runs."""
    return {name: tables.version(lake, name) if tables.exists(lake, name) else -1 for name in names if name in TABLES}


def rows_to_read(lake: Lake, names: Iterable[str]) -> tuple[TableRows, ...]:
    """How many rows those have that are tables and built; counted before the job runs, which may change them."""
    built = {name: version for name, version in versions(lake, names).items() if version >= 0}
    return tuple(TableRows(name, tables.row_count(lake, name), version) for name, version in built.items())


def rows_written(lake: Lake, before: Mapping[str, int]) -> tuple[TableRows, ...]:
    """What the commits since those versions wrote, of the tables that have any."""
    written = []
    for name, version in before.items():
        last = versions(lake, [name])[name]
        if last > version:
            rows = sum(commits.rows_written(lake, name, one) for one in range(version + 1, last + 1))
            written.append(TableRows(name, rows, last))
    return tuple(written)

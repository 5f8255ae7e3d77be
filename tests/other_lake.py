"""Another lake than the one of the suite, in the session that all tests share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from expectations.schemas import TABLES
from jobs.lake import tables
from jobs.lake.lake import Lake


def changed(lake: Lake, /, **sections: dict[str, Any]) -> Lake:
    """The lake with other settings: `changed(lake, kafka={"topic": "x"})`."""
    new_sections = {name: getattr(lake.settings, name).model_copy(update=update) for name, update in sections.items()}
    return Lake(lake.spark, lake.settings.model_copy(update=new_sections))


def rooted(lake: Lake, root: str | Path) -> Lake:
    """A lake that lies elsewhere, by the same settings otherwise."""
    return changed(lake, lake={"root": str(root)})


def fill(lake: Lake, name: str, rows: list[dict[str, Any]]) -> None:
    """The table with these rows; what they do not say is null."""
    table = TABLES[name]
    tables.overwrite(
        lake, name, lake.spark.createDataFrame([tuple(map(row.get, table.names)) for row in rows], table.ddl)
    )


@contextmanager
def opened_by_name(lake: Lake) -> Iterator[None]:
    """The session has this lake's tables open by name, as in a process of its own; afterwards the former lake's."""
    former = rooted(lake, str(lake.spark.conf.get(tables.ROOT)))
    _open(lake)
    try:
        yield
    finally:
        _open(former)


def _open(lake: Lake) -> None:
    for name in TABLES:
        lake.spark.sql(f"DROP TABLE IF EXISTS {name}")
    lake.spark.conf.set(tables.ROOT, lake.root)
    tables.register(lake)

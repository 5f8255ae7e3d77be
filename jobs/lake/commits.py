"""How many rows the commits of a table wrote, as its log has it."""

import json
from typing import Any

from jobs.lake import files, places, tables
from jobs.lake.lake import Lake
from jobs.lake.streams import Read

ROWS_OF: dict[str, tuple[str, ...]] = {
    "WRITE": ("numOutputRows",),
    "STREAMING UPDATE": ("numOutputRows",),
    "MERGE": ("numTargetRowsInserted", "numTargetRowsUpdated", "numTargetRowsDeleted"),
    "UPDATE": ("numUpdatedRows",),
    "DELETE": ("numDeletedRows",),
}
"""Which of a commit's metrics count rows, by Delta's names of operations; the others change none."""


def rows_written(lake: Lake, name: str, version: int) -> int:
    """That the commit inserted, changed or deleted."""
    info = _info(lake, name, version)
    metrics = info.get("operationMetrics", {})
    return sum(int(metrics.get(metric, 0)) for metric in ROWS_OF.get(info.get("operation", ""), ()))


def rows_streamed(lake: Lake, name: str, read: Read, starting_version: str | None) -> int:
    """That a stream of the table read: Spark counts those of a micro-batch once for each time that it reads them.

    `starting_version`: where its checkpoint begins, None for the whole table as it then was.
    """
    if read.end is None:
        return 0
    last = _first_unread(read.end) - 1
    if read.start is None and starting_version is None:
        return tables.read(lake, name, last).count()
    first = int(starting_version or 0) if read.start is None else _first_unread(read.start)
    return sum(rows_written(lake, name, one) for one in range(first, last + 1) if _appends(_info(lake, name, one)))


def _first_unread(offset: dict[str, Any]) -> int:
    """Of an offset that Delta's source keeps: the first version whose files are not all read."""
    return int(offset["reservoirVersion"]) + (1 if offset["index"] >= 0 else 0)


def _appends(info: dict[str, Any]) -> bool:
    parameters = info.get("operationParameters", {})
    return info.get("operation") in ("WRITE", "STREAMING UPDATE") and parameters.get("mode", "Append") == "Append"


def _info(lake: Lake, name: str, version: int) -> dict[str, Any]:
    commit = files.read_text(lake, f"{places.table(lake.root, name)}/_delta_log/{version:020d}.json")
    return next((one["commitInfo"] for one in map(json.loads, commit.splitlines()) if "commitInfo" in one), {})

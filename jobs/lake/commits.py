"""How many rows the commits of a table wrote, as its log has it.

What is told of rows must fail no job that has done its work: a commit that the log has no more counts for none.
"""

import json
from collections.abc import Iterable, Mapping
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
    return _rows(_commit_of(lake, name, version))


def rows_streamed(lake: Lake, name: str, read: Read, starting_version: str | None) -> int:
    """That a stream of the table read: Spark counts those of a micro-batch once for each time that it reads them.

    `starting_version`: where its checkpoint begins, None for the whole table as it then was.
    """
    if read.end is None:
        return 0
    unread = first_unread(read.end)
    if read.start is None and starting_version is None:
        return tables.row_count(lake, name, unread - 1) if unread > 0 else 0
    first = int(starting_version or 0) if read.start is None else first_unread(read.start)
    return sum(rows_appended(_commit_of(lake, name, one)) for one in range(first, unread))


def first_unread(offset: Mapping[str, Any]) -> int:
    """Of an offset that Delta's source keeps: the first version whose files are not all read."""
    return int(offset["reservoirVersion"]) + (1 if offset["index"] >= 0 else 0)


def commit_info(lines: Iterable[str]) -> dict[str, Any]:
    """What a commit says of itself, of the lines of its file; empty where it says nothing."""
    return next((action["commitInfo"] for action in map(json.loads, lines) if "commitInfo" in action), {})


def rows_appended(info: Mapping[str, Any]) -> int:
    """That a stream of the table gets of a commit: none of one that writes rows again."""
    appends = info.get("operationParameters", {}).get("mode", "Append") == "Append"
    return _rows(info) if appends and info.get("operation") in ("WRITE", "STREAMING UPDATE") else 0


def _rows(info: Mapping[str, Any]) -> int:
    metrics = info.get("operationMetrics", {})
    return sum(int(metrics.get(metric, 0)) for metric in ROWS_OF.get(info.get("operation", ""), ()))


def _commit_of(lake: Lake, name: str, version: int) -> dict[str, Any]:
    file = f"{places.table(lake.root, name)}/_delta_log/{version:020d}.json"
    return commit_info(files.read_text(lake, file).splitlines()) if files.exists(lake, file) else {}

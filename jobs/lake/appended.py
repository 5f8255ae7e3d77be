"""What became of a table since one of its versions, by the files that its commits name."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from expectations.schemas import TABLES
from jobs.lake import files, places, tables
from jobs.lake.lake import Lake


def appended_since(lake: Lake, name: str, version: int, columns: tuple[str, ...]) -> DataFrame | None:
    """Some columns of the rows appended after `version`, of a table that is not partitioned; files that were joined
    meanwhile count for nothing. None where rows were changed or removed too, or the log has no more of it.
    """
    place = places.table(lake.root, name)
    paths: list[str] = []
    for actions in _commits_since(lake, name, version):
        if actions is None or any(action["remove"]["dataChange"] for action in actions if "remove" in action):
            return None
        added = [action["add"] for action in actions if "add" in action]
        paths += [f"{place}/{unquote(file['path'])}" for file in added if file["dataChange"]]
    if not all(files.exists(lake, path) for path in paths):
        return None
    types = TABLES[name].types
    schema = T.StructType.fromDDL(", ".join(f"`{column}` {types[column]}" for column in columns))
    assert isinstance(schema, T.StructType)
    return lake.spark.read.schema(schema).parquet(*paths) if paths else lake.spark.createDataFrame([], schema)


def has_changed_since(lake: Lake, name: str, version: int) -> bool:
    """Whether rows were written after `version`, the same ones as before too, or it cannot be told."""
    for actions in _commits_since(lake, name, version):
        if actions is None:
            return True
        written = [action[kind] for action in actions for kind in ("add", "remove") if kind in action]
        if any(file["dataChange"] for file in written):
            return True
    return False


def changed_since(lake: Lake, name: str, version: int, columns: dict[str, Column], where: str) -> DataFrame | None:
    """Of the rows for which `where` holds, `columns` (comparable ones) of those that the table has now and did not have
    at `version`, and the reverse. None where the former version can no longer be read."""
    if not has_changed_since(lake, name, version):
        return tables.read(lake, name).select(*[column.alias(alias) for alias, column in columns.items()]).limit(0)
    if not _is_readable(lake, name, version):
        return None
    former, now = (
        tables.read(lake, name, one).where(where).select(*[column.alias(alias) for alias, column in columns.items()])
        for one in (version, tables.version(lake, name))
    )
    both = former.withColumn("_is_now", F.lit(False)).unionByName(now.withColumn("_is_now", F.lit(True)))
    sides = both.groupBy(*columns).agg(F.min("_is_now").alias("_first"), F.max("_is_now").alias("_last"))
    return sides.where("_first = _last").select(*columns)


def _is_readable(lake: Lake, name: str, version: int) -> bool:
    """Whether the log still knows that version, and all its files are there."""
    try:
        paths = tables.read(lake, name, version).inputFiles()
    except AnalysisException:
        return False
    return all(files.exists(lake, unquote(path)) for path in paths)


def _commits_since(lake: Lake, name: str, version: int) -> Iterator[list[Any] | None]:
    """The actions of each commit after `version`; None for one that the log has no more."""
    for one in range(version + 1, tables.version(lake, name) + 1):
        commit = f"{places.table(lake.root, name)}/_delta_log/{one:020d}.json"
        if not files.exists(lake, commit):
            yield None
            return
        yield [json.loads(line) for line in files.read_text(lake, commit).splitlines()]

"""The rows that a table got since one of its versions, of the files that its commits named."""

import json
from urllib.parse import unquote

from pyspark.sql import DataFrame
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
    for one in range(version + 1, tables.version(lake, name) + 1):
        commit = f"{place}/_delta_log/{one:020d}.json"
        if not files.exists(lake, commit):
            return None
        actions = [json.loads(line) for line in files.read_text(lake, commit).splitlines()]
        if any(action["remove"]["dataChange"] for action in actions if "remove" in action):
            return None
        added = [action["add"] for action in actions if "add" in action]
        paths += [f"{place}/{unquote(file['path'])}" for file in added if file["dataChange"]]
    if not all(files.exists(lake, path) for path in paths):
        return None
    types = TABLES[name].types
    schema = T.StructType.fromDDL(", ".join(f"`{column}` {types[column]}" for column in columns))
    assert isinstance(schema, T.StructType)
    return lake.spark.read.schema(schema).parquet(*paths) if paths else lake.spark.createDataFrame([], schema)

"""The lake's tables, by name: read, written, made."""

import logging
import re
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from delta.tables import DeltaMergeBuilder, DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, DataFrameWriter
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamWriter

from expectations.schemas import TABLES, Table
from jobs.errors import OperatorError
from jobs.lake import files, growing_columns, places
from jobs.lake.conflicts import CONFLICTS, again_on_conflict
from jobs.lake.lake import Lake
from jobs.lake.schema_evolution import check_columns, conformed, difference, missing, presented

log = logging.getLogger(__name__)

ROOT = "spark.lakehouse.root"
"""Of a session: whose tables it has open by name."""
COMMIT = re.compile(r"[0-9]{20}\.")
"""What a commit's file, or a checkpoint's, begins with in the log of a table."""
FOLDER_IN_USE = "DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION"
"""What Delta says of a folder that has files and no commit."""
OPENED_MEANWHILE = ("DELTA_TABLE_ALREADY_EXISTS", "TABLE_OR_VIEW_ALREADY_EXISTS")
"""What Spark says, for all its IF NOT EXISTS, of a table that another thread has just put into the catalogue."""
MAKING_SECONDS = 10
"""How long another process may take from a table's folder to its first commit before it counts as killed."""


def register(lake: Lake) -> None:
    """Opens every table built so far by its name in this session's catalogue, with the columns of this release."""
    for layer in sorted({name.split(".")[0] for name in TABLES}):
        lake.spark.sql(f"CREATE DATABASE IF NOT EXISTS {layer}")
    for name in TABLES:
        if exists(lake, name):
            _open_by_name(lake, name)
            _add_columns(lake, name)


def read(lake: Lake, name: str, version: int | None = None) -> DataFrame:
    """The table as it is now, or as of a Delta version, in the columns of this release.

    Raises OperatorError when it is not built yet, or was built by a release whose columns are others.
    """
    _require(lake, name)
    reader = lake.spark.read.format("delta")
    frame = (reader if version is None else reader.option("versionAsOf", version)).load(_place(lake, name))
    return presented(frame, name)


def stream(lake: Lake, name: str, **options: str) -> DataFrame:
    """The table's rows as they are appended; a commit that rewrites rows adds none.

    Raises OperatorError when it is not built yet.
    """
    _require(lake, name)
    reader = lake.spark.readStream.format("delta").option("skipChangeCommits", "true")
    return presented(reader.options(**options).load(_place(lake, name)), name)


def overwrite(lake: Lake, name: str, frame: DataFrame, where: str | None = None) -> int:
    """Replaces the table's rows, or those that `where` names, in one commit. Returns the Delta version."""
    if where is None and exists(lake, name) and is_of_another_release(lake, name):
        return remake(lake, name, frame)
    create(lake, name)
    writer = conformed(frame, name).write.format("delta").mode("overwrite")
    (writer if where is None else writer.option("replaceWhere", where)).save(_place(lake, name))
    return version(lake, name)


def remake(lake: Lake, name: str, frame: DataFrame) -> int:
    """Replaces the table, its columns with its rows, in one commit. Returns the Delta version."""
    if not exists(lake, name):
        create(lake, name)
    writer = conformed(frame, name).write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer.partitionBy(*_table(name).partition_by).save(_place(lake, name))
    return version(lake, name)


def append(lake: Lake, name: str, frame: DataFrame) -> None:
    create(lake, name)
    _appending(lake, name, frame).save(_place(lake, name))


def append_once(lake: Lake, name: str, frame: DataFrame, query_id: str, batch: int) -> None:
    """Appends the rows of one micro-batch; a second call for the same query and batch changes nothing.

    `query_id` is the checkpoint's, so that a new checkpoint counts its batches anew.
    """
    writer = _appending(lake, name, frame).option("txnAppId", _transaction(query_id, name)).option("txnVersion", batch)
    writer.save(_place(lake, name))


def has_appended(lake: Lake, name: str, query_id: str, batch: int) -> bool:
    """Whether `append_once` was done for that query and batch, or a later one."""
    last = _snapshot(lake, name).transactions().get(_transaction(query_id, name))
    return bool(last.isDefined() and last.get() >= batch)


def knows_query(lake: Lake, name: str, query_id: str) -> bool:
    """Whether the table has a batch of that streaming query, by `append_once` or by Delta's own sink."""
    transactions = _snapshot(lake, name).transactions().keysIterator()
    while transactions.hasNext():
        if str(transactions.next()).startswith(query_id):
            return True
    return False


def append_stream(lake: Lake, name: str, frame: DataFrame) -> DataStreamWriter:
    """An unstarted writer that appends a streaming frame, each row exactly once."""
    return conformed(frame, name).writeStream.format("delta").option("path", _place(lake, name))


def update(lake: Lake, name: str, where: Column, values: dict[str, str | Column]) -> int:
    """Sets columns of the rows that `where` names, in one commit. Returns how many rows that were."""
    table, before = delta(lake, name), version(lake, name)
    try:
        again_on_conflict(lambda: table.update(where, values))
    except CONFLICTS as error:
        raise OperatorError(f"{name} was written to meanwhile; nothing was changed, run it again") from error
    ours = table.history().where((F.col("version") > before) & (F.col("operation") == "UPDATE"))
    return sum(int(row["operationMetrics"]["numUpdatedRows"]) for row in ours.collect())


def merge(lake: Lake, name: str, frame: DataFrame, on: str) -> DeltaMergeBuilder:
    """An unstarted MERGE of the frame, called `new` in conditions, into the table, called `old`."""
    return delta(lake, name).alias("old").merge(frame.alias("new"), on)


def remove(lake: Lake, name: str, frame: DataFrame, key: str) -> None:
    """Deletes the table's rows whose `key` is in the frame, in one commit."""
    merge(lake, name, frame.select(key), f"old.{key} = new.{key}").whenMatchedDelete().execute()


def create(lake: Lake, *names: str) -> None:
    """Makes the tables that are not there yet, empty, and opens them by name.

    Raises OperatorError, before anything is written, where one was built by a release whose columns are others.
    """
    for name in names:
        if exists(lake, name):
            check_columns(delta(lake, name).toDF().schema, name)
        else:
            _make(lake, name)
            _open_by_name(lake, name)


def exists(lake: Lake, name: str) -> bool:
    """Whether it has a commit: a folder alone is a table that is being made, or that a kill left unmade."""
    folder = _log_folder(lake, name)
    if any(files.exists(lake, f"{folder}/{file}") for file in (f"{0:020d}.json", "_last_checkpoint")):
        return True
    return any(COMMIT.match(file) for file in files.names(lake, folder))


def is_of_another_release(lake: Lake, name: str) -> bool:
    """Whether a table that is built has other columns than in this release."""
    own = delta(lake, name).toDF().schema
    return bool(missing(own, name) or difference(own, name))


def not_built(name: str) -> OperatorError:
    return OperatorError(f"table {name} is not built yet; build it with: lakehouse run {_table(name).job}")


def row_count(lake: Lake, name: str, version: int | None = None) -> int:
    """How many rows it has, or had at a Delta version, whatever its columns are. An older version costs a second."""
    reader = lake.spark.read.format("delta")
    return (reader if version is None else reader.option("versionAsOf", version)).load(_place(lake, name)).count()


def has_rows(lake: Lake, name: str, where: str) -> bool:
    """Whether it is built and has rows for which the condition holds. One that is known to have no file is not read."""
    if not exists(lake, name):
        return False
    files_known = _snapshot(lake, name).numOfFilesIfKnown()  # noted beside each commit; to count them takes six stages
    if files_known.isDefined() and files_known.get() == 0:
        return False
    return not read(lake, name).where(where).isEmpty()


def version(lake: Lake, name: str) -> int:
    """The table's newest Delta version. Raises OperatorError when it is not built yet."""
    return int(_snapshot(lake, name).version())


def versions(lake: Lake, names: Iterable[str]) -> dict[str, int]:
    return {name: version(lake, name) for name in names}


def version_at(lake: Lake, name: str, at: datetime) -> int | None:
    """The newest version committed at `at` or before; None when the table is younger."""
    history = delta(lake, name).history()
    newest = history.where(F.col("timestamp") <= F.lit(at)).agg(F.max("version").alias("version")).collect()
    return None if newest[0]["version"] is None else int(newest[0]["version"])


def delta(lake: Lake, name: str) -> DeltaTable:
    """The table for what only Delta can do to it. Raises OperatorError when it is not built yet."""
    _require(lake, name)
    return DeltaTable.forPath(lake.spark, _place(lake, name))


def _make(lake: Lake, name: str) -> None:
    """Commits the table, empty. Where there is a folder already, Delta does nothing: another process is making it, or
    was killed before it had."""
    table = _table(name)
    partition = f"PARTITIONED BY ({', '.join(table.partition_by)})" if table.partition_by else ""
    options = ", ".join(f"'{key}' = '{value}'" for key, value in table.properties.items())
    properties = f"TBLPROPERTIES ({options})" if options else ""
    statement = (
        f"CREATE TABLE IF NOT EXISTS delta.`{_place(lake, name)}` ({table.ddl}) USING delta"
        f" {partition} COMMENT '{table.grain}' {properties}"
    )
    try:
        lake.spark.sql(statement)
    except CONFLICTS:
        log.info("%s: another run has just made it", name)
    except AnalysisException as error:
        if error.getCondition() != FOLDER_IN_USE:
            raise
    patience = time.monotonic() + MAKING_SECONDS
    while not exists(lake, name):
        if time.monotonic() > patience:
            log.warning("%s: a run was killed while it made the table; it is made now", name)
            files.remove(lake, _log_folder(lake, name))
            lake.spark.sql(statement)
            return
        time.sleep(0.05)


def _log_folder(lake: Lake, name: str) -> str:
    return f"{_place(lake, name)}/_delta_log"


def _snapshot(lake: Lake, name: str) -> Any:
    """Delta's own value of the table as it is now, in the JVM: what it answers needs no Spark job.

    To open a table is to look whether it has a newer version than this process knew.
    """
    return delta(lake, name)._jdt.deltaLog().unsafeVolatileSnapshot()


def _appending(lake: Lake, name: str, frame: DataFrame) -> DataFrameWriter:
    rows = conformed(frame, name)
    if _table(name).grows:
        _require(lake, name)
        return growing_columns.appending(lake.spark, _place(lake, name), rows)
    return rows.write.format("delta").mode("append")


def _add_columns(lake: Lake, name: str) -> None:
    own = lake.spark.table(name).schema
    if difference(own, name) is None and (lacks := missing(own, name)):
        columns = ", ".join(f"{column} {type_}" for column, type_ in lacks.items())
        try:
            lake.spark.sql(f"ALTER TABLE delta.`{_place(lake, name)}` ADD COLUMNS ({columns})")
        except (AnalysisException, *CONFLICTS):
            if missing(delta(lake, name).toDF().schema, name):
                raise
            log.info("%s: another process has just added the columns that it lacked", name)


def _transaction(query_id: str, name: str) -> str:
    return f"{query_id}/{name}/append"


def _table(name: str) -> Table:
    if name not in TABLES:
        raise OperatorError(f"no table {name}; the tables are: {', '.join(TABLES)}")
    return TABLES[name]


def _place(lake: Lake, name: str) -> str:
    _table(name)
    return places.table(lake.root, name)


def _require(lake: Lake, name: str) -> None:
    if not exists(lake, name):
        raise not_built(name)


def _open_by_name(lake: Lake, name: str) -> None:
    if lake.spark.conf.get(ROOT, None) == lake.root:
        try:
            lake.spark.sql(f"CREATE TABLE IF NOT EXISTS {name} USING delta LOCATION '{_place(lake, name)}'")
        except AnalysisException as error:
            if error.getCondition() not in OPENED_MEANWHILE:
                raise

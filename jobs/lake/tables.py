"""The lake's tables, by name: the only module that forms paths.

A table `layer.name` lies at <root>/layer/name; the stream that feeds it keeps its checkpoint at
<root>/_checkpoints/layer.name, and whoever writes it holds <root>/_locks/layer.name.lock.
"""

from collections.abc import Iterable
from datetime import datetime

from delta.tables import DeltaMergeBuilder, DeltaTable
from pyspark.sql import Column, DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamWriter

from expectations.schemas import TABLES, Table
from jobs.errors import OperatorError
from jobs.lake.conflicts import CONFLICTS, again_on_conflict
from jobs.lake.schema_evolution import widened

ROOT = "spark.lakehouse.root"


def register(spark: SparkSession) -> None:
    """Opens every table built so far by its name in this session's catalogue."""
    for layer in sorted({name.split(".")[0] for name in TABLES}):
        spark.sql(f"CREATE DATABASE IF NOT EXISTS {layer}")
    for name in TABLES:
        if exists(spark, name):
            _open_by_name(spark, name)


def read(spark: SparkSession, name: str, version: int | None = None) -> DataFrame:
    """The table as it is now, or as of a Delta version. Raises OperatorError when it is not built yet."""
    _require(spark, name)
    reader = spark.read.format("delta")
    return (reader if version is None else reader.option("versionAsOf", version)).load(_location(spark, name))


def stream(spark: SparkSession, name: str, **options: str) -> DataFrame:
    """The table's rows as they are appended; a commit that rewrites rows adds none.

    Raises OperatorError when it is not built yet.
    """
    _require(spark, name)
    reader = spark.readStream.format("delta").option("skipChangeCommits", "true")
    return reader.options(**options).load(_location(spark, name))


def overwrite(frame: DataFrame, name: str, where: str | None = None) -> int:
    """Replaces the table's rows, or those that `where` names, in one commit. Returns the Delta version."""
    spark = frame.sparkSession
    create(spark, name)
    writer = conformed(frame, name).write.format("delta").mode("overwrite")
    (writer if where is None else writer.option("replaceWhere", where)).save(_location(spark, name))
    return version(spark, name)


def append(frame: DataFrame, name: str) -> None:
    create(frame.sparkSession, name)
    _appending(frame, name).save(_location(frame.sparkSession, name))


def append_once(frame: DataFrame, name: str, query_id: str, batch: int) -> None:
    """Appends the rows of one micro-batch; a second call for the same query and batch changes nothing.

    `query_id` is the checkpoint's, so that a new checkpoint counts its batches anew.
    """
    writer = _appending(frame, name).option("txnAppId", _transaction(query_id, name)).option("txnVersion", batch)
    writer.save(_location(frame.sparkSession, name))


def has_appended(spark: SparkSession, name: str, query_id: str, batch: int) -> bool:
    """Whether `append_once` was done for that query and batch, or a later one."""
    log = delta(spark, name)._jdt.deltaLog()
    last = log.unsafeVolatileSnapshot().transactions().get(_transaction(query_id, name))
    return bool(last.isDefined() and last.get() >= batch)


def append_stream(frame: DataFrame, name: str) -> DataStreamWriter:
    """An unstarted writer that appends a streaming frame, each row exactly once."""
    return frame.writeStream.format("delta").option("path", _location(frame.sparkSession, name))


def update(spark: SparkSession, name: str, where: Column, values: dict[str, str | Column]) -> int:
    """Sets columns of the rows that `where` names, in one commit. Returns how many rows that were."""
    _require(spark, name)
    table = DeltaTable.forPath(spark, _location(spark, name))
    before = version(spark, name)
    try:
        again_on_conflict(lambda: table.update(where, values))
    except CONFLICTS as error:
        raise OperatorError(f"{name} was written to meanwhile; nothing was changed, run it again") from error
    ours = table.history().where((F.col("version") > before) & (F.col("operation") == "UPDATE"))
    return sum(int(row["operationMetrics"]["numUpdatedRows"]) for row in ours.collect())


def merge(frame: DataFrame, name: str, on: str) -> DeltaMergeBuilder:
    """An unstarted MERGE of the frame, called `new` in conditions, into the table, called `old`."""
    table = DeltaTable.forPath(frame.sparkSession, _location(frame.sparkSession, name))
    return table.alias("old").merge(frame.alias("new"), on)


def remove(frame: DataFrame, name: str, key: str) -> None:
    """Deletes the table's rows whose `key` is in the frame, in one commit."""
    merge(frame.select(key), name, f"old.{key} = new.{key}").whenMatchedDelete().execute()


def create(spark: SparkSession, *names: str) -> None:
    """Makes the tables that are not there yet, empty, and opens them by name."""
    for name in names:
        if not exists(spark, name):
            table = _table(name)
            partition = f"PARTITIONED BY ({', '.join(table.partition_by)})" if table.partition_by else ""
            options = ", ".join(f"'{key}' = '{value}'" for key, value in table.properties.items())
            properties = f"TBLPROPERTIES ({options})" if options else ""
            spark.sql(
                f"CREATE TABLE IF NOT EXISTS delta.`{_location(spark, name)}` ({table.ddl}) USING delta"
                f" {partition} COMMENT '{table.grain}' {properties}"
            )
            _open_by_name(spark, name)


def conformed(frame: DataFrame, name: str) -> DataFrame:
    """The frame with exactly the table's columns, in order, in their types."""
    table = _table(name)
    return frame.select(
        *[
            F.col(column) if column in table.grows else F.col(column).cast(type_).alias(column)
            for column, type_ in table.types.items()
        ]
    )


def exists(spark: SparkSession, name: str) -> bool:
    log = spark._jvm.org.apache.hadoop.fs.Path(f"{_location(spark, name)}/_delta_log")  # type: ignore[union-attr]
    return bool(log.getFileSystem(spark._jsc.hadoopConfiguration()).exists(log))


def version(spark: SparkSession, name: str) -> int:
    """The table's newest Delta version. Raises OperatorError when it is not built yet."""
    _require(spark, name)
    return int(DeltaTable.forPath(spark, _location(spark, name)).history(1).collect()[0]["version"])


def versions(spark: SparkSession, names: Iterable[str]) -> dict[str, int]:
    return {name: version(spark, name) for name in names}


def delta(spark: SparkSession, name: str) -> DeltaTable:
    """The table for what only Delta can do to it. Raises OperatorError when it is not built yet."""
    _require(spark, name)
    return DeltaTable.forPath(spark, _location(spark, name))


def retention(keep_hours: float, log_days: float) -> dict[str, str]:
    """Delta's table properties for them: files that no version needs stay `keep_hours`, the log `log_days`."""
    return {
        "delta.deletedFileRetentionDuration": f"interval {round(keep_hours * 3600)} seconds",
        "delta.logRetentionDuration": f"interval {round(log_days * 86_400)} seconds",
    }


def folder(root: str) -> str | None:
    """The lake's folder on this machine, None where it is elsewhere."""
    path = root.removeprefix("file:")
    return None if ":" in path else path


def place(root: str, name: str) -> str:
    """Where a table of the lake at `root` lies."""
    return f"{root.rstrip('/')}/{_table(name) and name.replace('.', '/')}"


def lock(root: str, job: str) -> str:
    """The file that says who runs a job, of the lake at `root`."""
    return f"{root.rstrip('/')}/_locks/{job}.lock"


def version_at(spark: SparkSession, name: str, at: datetime) -> int | None:
    """The newest version committed at `at` or before; None when the table is younger."""
    history = DeltaTable.forPath(spark, _location(spark, name)).history()
    found = history.where(F.col("timestamp") <= F.lit(at)).agg(F.max("version").alias("version")).collect()
    return None if found[0]["version"] is None else int(found[0]["version"])


def checkpoint(spark: SparkSession, name: str) -> str:
    return f"{_root(spark)}/_checkpoints/{name}"


def _appending(frame: DataFrame, name: str) -> DataFrameWriter:
    """A writer that appends the frame, and with it makes a column that grows as wide as the frame has it.

    Both are one commit, and no file that is there is written again.
    """
    rows, table = conformed(frame, name), _table(name)
    if not table.grows:
        return rows.write.format("delta").mode("append")
    own = read(frame.sparkSession, name).schema
    wanted = widened(own, rows.schema)
    if rows.schema.simpleString() != wanted.simpleString():  # else each row would be made anew, as it was
        rows = rows.to(wanted)
    return rows.write.format("delta").mode("append").option("mergeSchema", wanted != own)


def _transaction(query_id: str, name: str) -> str:
    return f"{query_id}/{name}/append"


def _table(name: str) -> Table:
    if name not in TABLES:
        raise OperatorError(f"no table {name}; the tables are: {', '.join(TABLES)}")
    return TABLES[name]


def _root(spark: SparkSession) -> str:
    return str(spark.conf.get(ROOT)).rstrip("/")


def _location(spark: SparkSession, name: str) -> str:
    return place(_root(spark), name)


def _require(spark: SparkSession, name: str) -> None:
    if not exists(spark, name):
        raise OperatorError(f"table {name} is not built yet; build it with: lakehouse run {_table(name).job}")


def _open_by_name(spark: SparkSession, name: str) -> None:
    spark.sql(f"CREATE TABLE IF NOT EXISTS {name} USING delta LOCATION '{_location(spark, name)}'")

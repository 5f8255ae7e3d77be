"""Rows appended to a table whose columns grow: later versions of the contract add fields, or widen numbers."""

import logging

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import types as T

from jobs.lake.conflicts import again_on_conflict
from jobs.lake.schema_evolution import widened, widened_field

log = logging.getLogger(__name__)


def appending(spark: SparkSession, place: str, rows: DataFrame) -> DataFrameWriter:
    """A writer that appends the rows to the table at `place`, and with them the fields that only the rows have.

    Both are one commit, and no file that is there is written again. Where the rows have a number wider, it is widened
    here, before that commit.
    """
    own = _columns(spark, place)
    target = widened(own, rows.schema)
    if (path := widened_field(own, target)) is not None:
        log.info("%s: wider by the contract in force; all files of %s are written again, once", path, place)
        again_on_conflict(lambda: _widen(spark, place, target))
        own = _columns(spark, place)
    if rows.schema.simpleString() != target.simpleString():  # else each row would be made anew, as it was
        rows = rows.to(target)
    return rows.write.format("delta").mode("append").option("mergeSchema", target != own)


def _widen(spark: SparkSession, place: str, target: T.StructType) -> None:
    """Writes the rows that are there again in these columns, in one commit.

    Delta could widen a number and leave the files as they are (`delta.enableTypeWidening`): but then Spark alone would
    read the table, and neither polars nor deltalake.
    """
    rows = DeltaTable.forPath(spark, place).toDF().to(target)
    rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(place)


def _columns(spark: SparkSession, place: str) -> T.StructType:
    return DeltaTable.forPath(spark, place).toDF().schema

"""The session looking at another lake than its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from jobs.lake import tables


@contextmanager
def looking_at(spark: SparkSession, root: str | Path) -> Iterator[None]:
    before = str(spark.conf.get(tables.ROOT))
    spark.conf.set(tables.ROOT, str(root))
    try:
        yield
    finally:
        spark.conf.set(tables.ROOT, before)

"""Java's archive of the classes that Spark loads, so that a session maps them instead of reading them out of JARs.

`make setup` runs it once. Source: JEP 350, dynamic archives of class data.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.lake.java_options import class_archive
from jobs.lake.session import open_lake
from jobs.settings.loading import load


def make() -> None:
    """Write the archive anew. Raises OSError when Java did not write it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LAKEHOUSE_HOME"] = folder
        settings = load("local")
        target = class_archive(settings.project)
        target.unlink(missing_ok=True)
        unfinished = target.with_suffix(".unfinished")  # half an archive would crash a JVM
        os.environ["SPARK_SUBMIT_OPTS"] = f'"-XX:ArchiveClassesAtExit={unfinished}" -Xlog:cds=off -Xlog:cds+dynamic=off'
        try:
            spark = open_lake("class archive", settings).spark
            gateway: Any = SparkContext._gateway
            load_classes(spark, Path(folder))
            spark.stop()
            gateway.shutdown()
            gateway.proc.stdin.close()
            gateway.proc.wait()
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)


def load_classes(spark: SparkSession, folder: Path) -> None:
    """What every job does: write a Delta table and count what is in it. More than that made no start sooner."""
    table = str(folder / "table")
    spark.range(100).withColumn("key", F.col("id") % 7).write.format("delta").save(table)
    spark.read.format("delta").load(table).groupBy("key").count().collect()


if __name__ == "__main__":
    make()

"""The Spark session that every job, notebook and test starts: Delta, UTC, and the lake's tables by name."""

import os
import sys
from contextlib import suppress

from py4j.protocol import Py4JError
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from jobs.errors import OperatorError
from jobs.lake import java_options, tables
from jobs.lake.lake import Lake
from jobs.settings.loading import Settings

ONE_BLAS_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}

# What a job does, it says itself. Without this Spark says fifty lines before the session is there.
SUBMITTED = {"spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false"}


def open_lake(name: str, settings: Settings) -> Lake:
    """The lake of the settings in this process's Spark session, with every built table open by name
    (`spark.table("gold.profiles")`). A session is started, called `name`, where none is there.

    Under spark-submit the master and the memory are spark-submit's; else they come from the settings. Raises
    OperatorError when the session that is there was started with other settings.
    """
    with suppress(PySparkRuntimeError):
        running = SparkSession.active()  # of any thread; it raises where there is none
        _require_same(running, settings)
        return Lake(running, settings)
    # ALS solves many small systems: with more than one BLAS thread a fit took 48.6 s instead of 12.8 s.
    os.environ.update(ONE_BLAS_THREAD)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name)
    for key, value in _properties(settings).items():
        builder = builder.config(key, value)
    is_submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    for key, value in (SUBMITTED if is_submitted else _own_driver(settings)).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    lake = Lake(spark, settings)
    tables.register(lake)
    return lake


def abandon() -> None:
    """Ends what the process's session is at, without a word of Java's about it. Nothing, where there is no session."""
    with suppress(PySparkRuntimeError, Py4JError, OSError):
        context = SparkSession.active().sparkContext
        context.setLogLevel("OFF")
        context.cancelAllJobs()


def retention(keep_hours: float, log_days: float) -> dict[str, str]:
    """Delta's table properties for them: files that no version needs stay `keep_hours`, the log `log_days`."""
    return {
        "delta.deletedFileRetentionDuration": f"interval {round(keep_hours * 3600)} seconds",
        "delta.logRetentionDuration": f"interval {round(log_days * 86_400)} seconds",
    }


def _require_same(spark: SparkSession, settings: Settings) -> None:
    for key, expected in _properties(settings).items():
        has = spark.conf.get(key, None)
        if has != expected:
            raise OperatorError(
                f"this process has a Spark session with other settings ({key} is {has}, expected {expected}):"
                " end it with spark.stop(), or work in another process"
            )


def _properties(settings: Settings) -> dict[str, str]:
    return {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(settings.spark.shuffle_partitions),
        # Of two fields of one name the last counts, however a message is read: an exception would stop the stream.
        "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
        "spark.sql.variant.allowDuplicateKeys": "true",
        # Else rows are sorted by partition before they are written, a message's whole text with them.
        "spark.sql.maxConcurrentOutputFileWriters": "16",
        # A micro-batch of silver.events takes 60 generated classes. With room for 100, as is the default, each batch
        # compiles its own anew and runs them cold: the fifth took an eighth more of the processor. With room for
        # 2,000 a fit of ALS filled the room for compiled code (48 MiB with the first compiler alone): the JVM ended.
        "spark.sql.codegen.cache.maxEntries": "500",
        # The JVM compiles no method of more than 8,000 bytes: silver's parse of a wide contract, 11,000 in one, took
        # twice the processor's time. What would be larger Spark makes smaller methods of, by default from 64 KiB on.
        "spark.sql.codegen.hugeMethodLimit": "8000",
        # Spark keeps a thousand plans of what has ended for its web page: some two megabytes a micro-batch.
        "spark.sql.ui.retainedExecutions": "20",
        "spark.ui.retainedJobs": "100",
        "spark.ui.retainedStages": "100",
        # The state of a small table in 50 tasks costs more than the table; each of them generates its code anew.
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # A stream that lags behind a commit that made a number wider (jobs/lake/growing_columns.py) reads the older
        # files as the wider type, where Delta would not start it. Other changes of a table's columns tables.py refuses.
        "spark.databricks.delta.streaming.unsafeReadOnIncompatibleSchemaChangesDuringStreamStart.enabled": "true",
        tables.ROOT: settings.lake.root.rstrip("/"),
        # What a new table is made with; `lakehouse maintain` brings older ones up to it.
        **{
            f"spark.databricks.delta.properties.defaults.{key.removeprefix('delta.')}": value
            for key, value in retention(settings.maintenance.keep_hours, settings.maintenance.log_days).items()
        },
        # Not extraJavaOptions: those are the cluster's own, and come behind these.
        "spark.executor.defaultJavaOptions": java_options.executor(),
        **{f"spark.executorEnv.{name}": value for name, value in ONE_BLAS_THREAD.items()},
    }


def _own_driver(settings: Settings) -> dict[str, str]:
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return {
        "spark.master": settings.spark.master,
        "spark.driver.memory": settings.spark.driver_memory,
        "spark.driver.extraJavaOptions": java_options.own_driver(settings.project),
        "spark.ui.enabled": str(settings.spark.ui).lower(),
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(settings.home / "warehouse"),
    }

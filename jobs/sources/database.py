"""Sources in a database, by JDBC: one query on one connection, so that what is read was true at one moment."""

import os

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.source_contract import SourceContract
from jobs.lake.errors import OperatorError
from jobs.lake.sections import Sources
from jobs.sources.received import as_received, read_faults
from jobs.sources.source import Source

ROWS_AT_A_TIME = "10000"  # PostgreSQL's driver takes the whole table into memory without it


def read(spark: SparkSession, source: Source, rules: SourceContract, sources: Sources, since: str | None) -> DataFrame:
    """The table's rows, as received; only those with `changed` at `since` or later where that is given.

    At, not after: rows of the same moment may have come since, and a row that is read again changes nothing.
    Raises OperatorError when a login is missing or the database says no.
    """
    login = {"user": _secret(sources.user_variable), "password": _secret(sources.password_variable)}
    with read_faults(source):
        # Without a zone a timestamp is the wall's time, whatever zone this machine is in.
        options = {"fetchsize": ROWS_AT_A_TIME, "preferTimestampNTZ": "true"}
        if source.where.startswith("jdbc:postgresql:"):
            # Spark writes `since` in UTC without saying so; the driver would have it read in this machine's zone.
            options["sessionInitStatement"] = "SET TIME ZONE 'UTC'"
        frame = spark.read.format("jdbc").options(url=source.where, dbtable=source.table, **options, **login).load()
        if since is not None and source.changed in frame.columns:
            changed = F.col(source.changed)
            frame = frame.where(changed >= F.lit(since).cast(frame.schema[source.changed].dataType))
        return as_received(frame, source, rules, F.lit(source.table))


def _secret(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise OperatorError(f"environment variable {variable} is not set; the database's login comes by it")
    return value

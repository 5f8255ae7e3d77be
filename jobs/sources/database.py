"""Sources in a database, by JDBC: one query on one connection, so that what is read was true at one moment."""

import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations.source_contract import SourceContract
from jobs.errors import OperatorError
from jobs.settings.sources_settings import SourcesSettings
from jobs.sources.received import CHANGED, Received, as_received, read_faults
from jobs.sources.source import Source

ROWS_AT_A_TIME = "10000"  # PostgreSQL's driver takes the whole table into memory without it


def read(
    spark: SparkSession, source: Source, contract: SourceContract, sources: SourcesSettings, since: str | None
) -> Received:
    """The table's rows, as received; only those with `changed` at `since` or later where that is given.

    At, not after: rows of the same moment may have come since, and a row that is read again changes nothing. So is
    one that has nothing in `changed`. Raises OperatorError when a login is missing or the database says no.
    """
    login = {"user": _secret(sources.user_variable), "password": _secret(sources.password_variable)}
    options = {"fetchsize": ROWS_AT_A_TIME, "preferTimestampNTZ": "true"}
    with read_faults(source):
        rows = _query(source, since) if source.changed else source.table
        frame = spark.read.format("jdbc").options(url=source.where, dbtable=rows, **options, **login).load()
        return as_received(frame, source, contract, F.lit(source.table))


def _query(source: Source, since: str | None) -> str:
    """The mark is compared and written by the database alone: through Spark and the driver a timestamp would be
    moved by the zone of this machine, and by its summer time."""
    column = '"' + source.changed.replace('"', '""') + '"'
    mark = "" if since is None else since.replace("'", "''")
    where = "" if since is None else f" WHERE {column} >= '{mark}' OR {column} IS NULL"
    return f"(SELECT t.*, CAST(max({column}) OVER () AS varchar(64)) AS {CHANGED} FROM {source.table} t{where}) q"


def _secret(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise OperatorError(f"environment variable {variable} is not set; the database's login comes by it")
    return value

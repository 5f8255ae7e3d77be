"""What every kind of source gives: the contract's columns, what could not be parsed, and where it stood."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from py4j.java_gateway import is_instance_of
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.source_contract import SourceContract
from expectations.source_rules import UNREADABLE
from jobs.errors import OperatorError
from jobs.sources.source import Source
from jobs.sources.standard_fields import as_standard, own_columns

PLACE = "_place"
CHANGED = "_changed"
SQL_STATES = {
    "08": "the database does not answer",
    "28": "the database refuses the login",
    "3D": "there is no such database",
    "42": "there is no such table or column, or the login may not read it",
}
"""The first two signs of an SQLSTATE. A database's own words may repeat values, so they are never shown."""


@dataclass(frozen=True)
class Received:
    """`rows`: the contract's columns, `_unreadable`, `_place` (file or table), and `_changed`
    (as text, the greatest of all rows; null where there is no such column).

    `columns`: the source's own. `files`: each file read, and what tells one state of it from the next; empty for a
    database.
    """

    rows: DataFrame
    columns: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)


def as_received(frame: DataFrame, source: Source, contract: SourceContract, place: Column) -> Received:
    """Raises OperatorError when a column that is needed is missing, or is of a type that is no plain text."""
    unreadable = F.col(UNREADABLE) if UNREADABLE in frame.columns else F.lit(None).cast("string")
    changed = F.col(CHANGED) if CHANGED in frame.columns else F.lit(None).cast("string")
    rows = frame.select(
        *[column.alias(name) for name, column in as_standard(frame, source, contract).items()],
        unreadable.alias(UNREADABLE),
        place.alias(PLACE),
        changed.alias(CHANGED),
    )
    return Received(rows, own_columns(frame))


@contextmanager
def read_faults(source: Source) -> Iterator[None]:
    """Turns what Spark or a driver raises while the source is read into one line that repeats no value.

    Spark's own log is silent meanwhile: it would print what a database says of a row.
    """
    context = SparkSession.active().sparkContext
    context.setLogLevel("OFF")
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        raise OperatorError(f"cannot read {source.origin} (setting {source.setting}): {_why(error)}") from None
    finally:
        context.setLogLevel("ERROR")


def _why(error: PySparkException | Py4JJavaError) -> str:
    cause: Any = error.java_exception if isinstance(error, Py4JJavaError) else getattr(error, "_origin", None)
    gateway = SparkSession.active().sparkContext._gateway
    last, condition = "", ""
    while cause is not None:
        if is_instance_of(gateway, cause, "java.sql.SQLException"):
            state = str(cause.getSQLState())
            return f"{SQL_STATES.get(state[:2], 'the database failed')} (SQLSTATE {state})"
        if not condition and is_instance_of(gateway, cause, "org.apache.spark.SparkThrowable") and cause.getCondition():
            path = cause.getMessageParameters().get("path")
            condition = f"{cause.getCondition()}" + (f", {str(path).strip('`').rsplit('/', 1)[-1]}" if path else "")
        last = str(cause.getClass().getSimpleName())
        cause = cause.getCause()
    return f"{condition} ({last})" if condition else last or type(error).__name__

"""Every token of the lake brought to the newest version, after a secret was added to privacy.token_secrets.

A newer token follows from the older one, so no identifier is needed and none is known. Tables are rewritten one
partition at a time, each in one commit; only those that hold an older token. Killed and run again, the rest is done.
"""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from expectations.identifiers import direct
from expectations.schemas import TABLES
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.writer_lock import writer_lock
from jobs.privacy.columns import by_arrow
from jobs.privacy.keys import Secrets, secrets_of
from jobs.privacy.tokens import TOKEN, rotated

log = logging.getLogger(__name__)


def rotate(lake: Lake, dry_run: bool = False) -> dict[str, int]:
    """How many rows of each table had an older token and have the newest now.

    What a stream has landed and the next has not read is read with its older tokens: let the streams come to an end
    first. Raises OperatorError while a job that writes a table runs, or a secret is missing.
    """
    secrets = secrets_of(lake.settings.privacy)
    counts: dict[str, int] = {}
    with ExitStack() as locks:
        for job in sorted({table.job for table in TABLES.values()}):
            locks.enter_context(writer_lock(lake.root, job))
        for name in filter(functools.partial(tables.exists, lake), TABLES):
            for where in _places(lake, name):
                rows = tables.read(lake, name)
                part = rows if where is None else rows.where(where)
                old = part.where(has_older_token(part, secrets.token_version)).count()
                counts[name] = counts.get(name, 0) + old
                if old and not dry_run:
                    tables.overwrite(lake, name, part.transform(with_newest_tokens(secrets)), where)
                    log.info("%s%s: %s rows", name, f" where {where}" if where else "", f"{old:,}")
    return counts


def has_older_token(rows: DataFrame, newest: int) -> Column:
    """Whether a row holds a token of a version before `newest`, in whatever column."""
    holds = [_holds_older(_as_text(column), newest) for column in _wordy(rows)]
    return functools.reduce(Column.__or__, holds, F.lit(False))


def with_newest_tokens(secrets: Secrets) -> Callable[[DataFrame], DataFrame]:
    """Replaces every older token in the columns that can hold one; all else stays as it is."""

    def transform(rows: DataFrame) -> DataFrame:
        rewritten = rows
        for column in _wordy(rows):
            text = _as_text(column)
            holds = _holds_older(text, secrets.token_version)
            changed = f"_{column.name}"
            rewritten = rewritten.withColumn(changed, _rotated(secrets)(F.when(holds, text)))
            whole = F.when(F.col(changed).isNull(), F.col(column.name)).otherwise(_as_was(F.col(changed), column))
            rewritten = rewritten.withColumn(column.name, whole).drop(changed)
        return rewritten

    return transform


def _holds_older(text: Column, newest: int) -> Column:
    older = "|".join(map(str, range(1, newest))) or "0"  # there is no version 0
    token = rf"\b(?:{'|'.join(direct().values())})\.v(?:{older})\.[A-Za-z0-9_-]{{43}}"
    return F.coalesce(text.rlike(token), F.lit(False))


def _rotated(secrets: Secrets) -> Callable[..., Column]:
    def newest_tokens(texts: pa.Array) -> pa.Array:
        newest = [
            None if text is None else TOKEN.sub(lambda match: rotated(match[0], secrets), text)
            for text in texts.to_pylist()
        ]
        return pa.array(newest, pa.string())

    return by_arrow(newest_tokens, "string")


def _wordy(rows: DataFrame) -> list[T.StructField]:
    """The columns that can hold text."""
    plain = (T.NumericType, T.DateType, T.TimestampType, T.BooleanType)
    return [field for field in rows.schema.fields if not isinstance(field.dataType, plain)]


def _as_text(column: T.StructField) -> Column:
    if isinstance(column.dataType, T.StringType | T.BinaryType):
        return F.col(column.name).cast("string")
    return F.to_json(column.name, {"ignoreNullFields": "false"})


def _as_was(text: Column, column: T.StructField) -> Column:
    if isinstance(column.dataType, T.StringType | T.BinaryType):
        return text.cast(column.dataType)
    return F.from_json(text, column.dataType.simpleString())


def _places(lake: Lake, name: str) -> Iterator[str | None]:
    """One condition per partition; a table without partitions is one place."""
    by = TABLES[name].partition_by
    if not by:
        yield None
        return
    for row in tables.read(lake, name).select(*by).distinct().orderBy(*by).collect():
        yield " AND ".join(f"`{column}` = '{row[column]}'" for column in by)

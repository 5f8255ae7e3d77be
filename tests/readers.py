"""A table's rows as other programs read them, without Spark."""

from collections.abc import Callable
from typing import Any

import duckdb
import polars as pl
import pyarrow.fs
from deltalake import DeltaTable, QueryBuilder

Rows = list[dict[str, Any]]


def by_polars(place: str) -> Rows:
    return pl.read_delta(place).to_dicts()


def by_deltalake(place: str) -> Rows:
    query = QueryBuilder().register("rows", DeltaTable(place))
    return query.execute("SELECT * FROM rows").read_all().to_struct_array().to_pylist()


def by_arrow(place: str) -> Rows:
    """By deltalake's list of files, which pyarrow opens itself: jobs/ledger/message_counts.py says why."""
    folder = pyarrow.fs.SubTreeFileSystem(place, pyarrow.fs.LocalFileSystem())
    return DeltaTable(place).to_pyarrow_table(filesystem=folder).to_pylist()


def by_duckdb(place: str) -> Rows:
    """DuckDB's own reader is an extension that it downloads; here it reads the table by way of polars."""
    with duckdb.connect() as connection:
        connection.register("rows", pl.scan_delta(place))
        rows = connection.sql("SELECT * FROM rows")
        return [dict(zip(rows.columns, row, strict=True)) for row in rows.fetchall()]


READERS: dict[str, Callable[[str], Rows]] = {
    "polars": by_polars,
    "deltalake": by_deltalake,
    "pyarrow": by_arrow,
    "duckdb": by_duckdb,
}

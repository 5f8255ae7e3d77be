"""A table's rows as other programs read them, without Spark, every value of them."""

from collections.abc import Callable

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.fs
from deltalake import DeltaTable, QueryBuilder


def by_polars(place: str) -> pa.Table:
    return pl.read_delta(place).to_arrow()


def by_deltalake(place: str) -> pa.Table:
    query = QueryBuilder().register("rows", DeltaTable(place))
    return pa.table(query.execute("SELECT * FROM rows").read_all())


def by_arrow(place: str) -> pa.Table:
    """By deltalake's list of files, which pyarrow opens itself: jobs/ledger/message_counts.py says why."""
    folder = pyarrow.fs.SubTreeFileSystem(place, pyarrow.fs.LocalFileSystem())
    return DeltaTable(place).to_pyarrow_table(filesystem=folder)


def by_duckdb(place: str) -> pa.Table:
    """DuckDB's own reader is an extension that it downloads; here it reads the table by way of polars."""
    with duckdb.connect() as connection:
        connection.register("rows", pl.scan_delta(place))
        return connection.sql("SELECT * FROM rows").to_arrow_table()


READERS: dict[str, Callable[[str], pa.Table]] = {
    "polars": by_polars,
    "deltalake": by_deltalake,
    "pyarrow": by_arrow,
    "duckdb": by_duckdb,
}

"""Every table, layer by layer: its grain, the job that writes it, its columns in the order they are written.

A column's type is Spark DDL. Ids are strings as the shop sends them; times are UTC.
"""

from expectations.schemas import bronze, gold, ops, quarantine, silver
from expectations.schemas.table import Table

TABLES: dict[str, Table] = {**bronze.TABLES, **silver.TABLES, **quarantine.TABLES, **gold.TABLES, **ops.TABLES}

__all__ = ["TABLES", "Table"]

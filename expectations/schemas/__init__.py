"""Every table, layer by layer: its grain, the job that writes it, its columns in the order they are written.

A column's type is Spark DDL. Ids are strings as the shop sends them; times are UTC.
"""

from dataclasses import replace

from expectations.schemas import bronze, gold, ops, quarantine, silver
from expectations.schemas.table import Table

_LAYERS = (bronze, silver, quarantine, gold, ops)
TABLES: dict[str, Table] = {
    name: table if table.job else replace(table, job=name) for layer in _LAYERS for name, table in layer.TABLES.items()
}

__all__ = ["TABLES", "Table"]

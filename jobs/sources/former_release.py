"""Tables of sources that a release before standard fields made: their own columns become those, history and all."""

import logging

from pyspark.sql import functions as F

from expectations.schemas import TABLES
from expectations.source_contract import source_contract
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.schema_evolution import difference
from jobs.sources.source import source_of
from jobs.sources.standard_fields import as_standard

log = logging.getLogger(__name__)


def mend(lake: Lake, table: str) -> None:
    """Gives the table, bronze's or silver's of a source, the columns of this release, where it is there and has others.

    By the settings' columns, as a landing of the same rows would have them now, so nothing of it counts as changed.
    Raises OperatorError where the settings name no source, or columns that the table does not have.
    """
    if not tables.exists(lake, table):
        return
    rows = tables.delta(lake, table).toDF()
    if difference(rows.schema, table) is None:
        return
    name = table.partition(".")[2]
    source, contract = source_of(name, lake.settings), source_contract(name)
    if source is None:
        raise OperatorError(f"{table} was made by another release; say in [sources.{name}] where its source lies")
    beside = [column for column in TABLES[table].names if column not in contract.columns]
    fields = as_standard(rows.drop(*beside), source, contract)
    rest = [F.col(name) if name in rows.columns else F.lit(None).alias(name) for name in beside]
    tables.remake(lake, table, rows.select(*[column.alias(field) for field, column in fields.items()], *rest))
    log.info("%s: made by another release; its columns are standard fields and attributes now", table)

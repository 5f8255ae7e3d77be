"""What a job notes of a table, in the table itself: a property, which a commit sets and every reader sees."""

from jobs.lake import places, tables
from jobs.lake.lake import Lake


def note(lake: Lake, name: str, key: str, value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    place = places.table(lake.root, name)
    lake.spark.sql(f"ALTER TABLE delta.`{place}` SET TBLPROPERTIES ('{key}' = '{escaped}')")


def noted(lake: Lake, name: str, key: str) -> str | None:
    """None where it was never noted. Raises OperatorError when the table is not built yet."""
    properties = tables.delta(lake, name).detail().select("properties").collect()[0]["properties"]
    return dict(properties).get(key)

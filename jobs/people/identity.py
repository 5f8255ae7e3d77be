"""Who a row is of. For now: the user_id, or the anonymous_id as long as no more is known.

The one place that says so: no table holds it but those that are made anew in each run. silver.identities knows
more, and names a person by their oldest identifier: a user_id as it is, another as type:identifier.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.lake import Lake

TABLE = "silver.identities"
IDENTIFIERS = ("user_id", "anonymous_id", "device_id")


def person_id() -> Column:
    return F.coalesce("user_id", "anonymous_id").alias("person_id")


def with_person(rows: DataFrame) -> DataFrame:
    """Adds `person_id` to rows that have identifiers, in their place."""
    return rows.withColumn("person_id", person_id()).drop(*IDENTIFIERS)


def current_identities(lake: Lake) -> DataFrame:
    """Rows of silver.identities as it says now, whatever is written to it later. Raises OperatorError when it is not
    built yet."""
    return tables.read(lake, TABLE, tables.version(lake, TABLE)).where("valid_to IS NULL")

"""Who a row is of. For now: the user_id, or the anonymous_id as long as no more is known; devices are not joined.

The one place that says so: no table holds it but those that are made anew in each run.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

IDENTIFIERS = ("user_id", "anonymous_id", "device_id")


def person_id() -> Column:
    return F.coalesce("user_id", "anonymous_id").alias("person_id")


def with_person(rows: DataFrame) -> DataFrame:
    """Adds `person_id` to rows that have identifiers, in their place."""
    return rows.withColumn("person_id", person_id()).drop(*IDENTIFIERS)

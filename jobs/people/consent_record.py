"""What is on record in silver.consents, as live.consents hears it."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.consent import IDS
from jobs.people.identity import own_ids

RECORD = "silver.consents"


def said_under_ids(lake: Lake) -> DataFrame | None:
    """One row per statement and identifier under which it counts, as a person of its own: `id`, `purpose`,
    `is_granted`, `said_by`, and when it was said and taken, `at` and `arrived`, in microseconds. A denial counts under
    each of its ids, a grant under the user's, if it has one. None where silver.consents is not built."""
    if not tables.exists(lake, RECORD):
        return None
    ids = F.array_compact(F.array(*IDS))
    bound = F.when(F.col("is_granted"), F.slice(ids, 1, 1)).otherwise(ids)
    return (
        tables.read(lake, RECORD)
        .withColumns(own_ids())
        .select(
            F.explode(bound).alias("id"),
            *("purpose", "is_granted", "said_by"),
            F.unix_micros("valid_from").alias("at"),
            F.unix_micros("recorded_at").alias("arrived"),
        )
    )

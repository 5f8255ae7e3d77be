"""silver.people: one row per person who sent an event or stands in the CRM.

A person is a user_id, or an anonymous_id as long as no more is known. Devices are not joined here.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import job
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.settings.loading import Settings
from jobs.sources.history import now

TABLE = "silver.people"


def as_people(events: DataFrame, crm: DataFrame) -> DataFrame:
    """Everyone in the events, with what the CRM says of them, and everyone else in the CRM."""
    seen = events.groupBy(F.coalesce("user_id", "anonymous_id").alias("person_id")).agg(
        F.min("occurred_at").alias("first_seen"),
        F.max("occurred_at").alias("last_seen"),
        F.count("*").alias("events"),
    )
    known = crm.withColumnRenamed("household_id", "person_id")
    return seen.join(known, "person_id", "full").fillna(0, ["events"])


def main(settings: Settings, _: job.Options) -> None:
    spark = spark_for(TABLE, settings)
    tables.overwrite(as_people(tables.read(spark, "silver.events"), now(spark, "silver.crm")), TABLE)


if __name__ == "__main__":
    job.submit(main)

"""gold.profiles: one row per person who allows personalisation: what is known, how they shop, their persona."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.gold.features import UNKNOWN
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal

TABLE = "gold.profiles"


def as_profiles(people: DataFrame, features: DataFrame, segments: DataFrame) -> DataFrame:
    """Everyone of `people`, which may have several rows of one person; what follows from purchases is null for who
    made none."""
    presence = people.groupBy("person_id").agg(
        F.min("first_seen").alias("first_seen"),
        F.max("last_seen").alias("last_seen"),
        F.sum("events").alias("events"),
        # The same in each of a person's rows that has them.
        F.any_value("attributes", F.lit(True)).alias("attributes"),
    )
    shopping = features.select(
        "person_id",
        "baskets",
        "spend",
        "recency_days",
        _largest("categories").alias("favourite_category"),
        _largest("brands").alias("favourite_brand"),
    )
    personas = segments.select("person_id", "segment_id", F.col("name").alias("segment"))
    return presence.join(shopping, "person_id", "left").join(personas, "person_id", "left")


def _largest(shares: str) -> Column:
    """The key of the largest value of a map, other than UNKNOWN; of equal ones the last by name."""
    entries = F.filter(F.map_entries(shares), lambda entry: entry["key"] != UNKNOWN)
    return F.array_max(F.transform(entries, lambda entry: F.struct(entry["value"], entry["key"])))["key"]


def main(lake: Lake, options: Options) -> None:
    people = personal(lake, "silver.people", "personalisation", options.as_of)
    features, segments = (
        tables.read(lake, "gold.features"),
        tables.read(lake, "gold.segments").where("source = 'persona'"),
    )
    tables.overwrite(lake, TABLE, as_profiles(people, features, segments))


JOB = Job(
    TABLE, main, reads=("silver.people", "silver.consents", "silver.identities", "gold.features", "gold.segments")
)

if __name__ == "__main__":
    submit(JOB)

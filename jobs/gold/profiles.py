"""gold.profiles: one row per person who allows personalisation: what is known, how they shop, their persona."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import job
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.people.consent import consented
from jobs.settings.loading import Settings

TABLE = "gold.profiles"


def as_profiles(people: DataFrame, features: DataFrame, segments: DataFrame) -> DataFrame:
    """Everyone in silver.people; what follows from purchases is null for who made none."""
    shares = F.transform(F.map_entries("departments"), lambda entry: F.struct(entry["value"], entry["key"]))
    shopping = features.select(
        "person_id",
        "baskets",
        "spend",
        "recency_days",
        F.array_max(shares)["key"].alias("favourite_department"),
    )
    personas = segments.select("person_id", "segment_id", F.col("name").alias("segment"))
    return people.join(shopping, "person_id", "left").join(personas, "person_id", "left")


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for(TABLE, settings)
    people = consented(tables.read(spark, "silver.people"), "personalisation", options.as_of)
    features, segments = tables.read(spark, "gold.features"), tables.read(spark, "gold.segments")
    tables.overwrite(as_profiles(people, features, segments), TABLE)


if __name__ == "__main__":
    job.submit(main)

"""gold.fallbacks: one row per segment and rank: what to show a visitor who has no list of their own.

Segment `everyone` holds what is popular with all who allow analytics, personalised to or not. Popular is the sum
of weights as in gold.ratings, so it fades with age.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.gold.ratings import as_ratings
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal

TABLE = "gold.fallbacks"
EVERYONE = "everyone"


def as_fallbacks(ratings: DataFrame, segments: DataFrame, n: int) -> DataFrame:
    """The n items of most weight in each segment, and in all."""
    bought = ratings.where("purchases > 0").select("person_id", "item_id", "weight")
    in_segments = bought.join(segments.select("person_id", "segment_id"), "person_id", "inner")
    everyone = bought.withColumn("segment_id", F.lit(EVERYONE))
    order = Window.partitionBy("segment_id").orderBy(F.desc("score"), "item_id")
    return (
        in_segments.unionByName(everyone)
        .groupBy("segment_id", "item_id")
        .agg(F.sum("weight").alias("score"))
        .withColumn("rank", F.row_number().over(order))
        .where(F.col("rank") <= n)
    )


def main(lake: Lake, options: Options) -> None:
    interactions = personal(lake, "silver.interactions", "analytics", options.as_of)
    ratings = as_ratings(interactions, lake.settings.ratings, options.as_of)
    segments = tables.read(lake, "gold.segments").where("source = 'persona'")
    tables.overwrite(lake, TABLE, as_fallbacks(ratings, segments, lake.settings.recommendations.discover))


JOB = Job(TABLE, main, reads=("silver.interactions", "silver.consents", "silver.identities", "gold.segments"))

if __name__ == "__main__":
    submit(JOB)

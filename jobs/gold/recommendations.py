"""gold.recommendations: one row per person, slot and rank: what each person should see next. One version per run.

Slot `again` holds what the person bought before, most baskets first. Slot `discover` holds items new to the
person by the ALS champion; a person it has no factors for gets what is popular, and the reason says so. As long
as no ALS beat the gate, everybody does.
"""

import logging
from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import job
from jobs.champions import tracking
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.people.consent import consented
from jobs.settings.loading import Settings
from jobs.settings.recommendations_settings import RecommendationsSettings
from models import als, frequency, popularity, registry
from models.als import AlsModel

TABLE = "gold.recommendations"

log = logging.getLogger(__name__)


def as_again(ratings: DataFrame, people: DataFrame, n: int) -> DataFrame:
    """Up to n items per person, of those the person bought."""
    own = frequency.top_n(frequency.fit(ratings), people, n).where("score > 0")
    times = F.format_string("bought %d times", F.col("score").cast("int"))
    return own.select("*", F.lit("again").alias("slot"), times.alias("reason"), F.lit("frequency").alias("model"))


def as_discover(ratings: DataFrame, people: DataFrame, n: int, model: AlsModel | None, model_name: str) -> DataFrame:
    """n items per person that the person has not bought; popular ones where the model is None or knows no factors."""
    bought = ratings.where("purchases > 0").select("person_id", "item_id")
    strangers = people if model is None else people.join(model.person_factors, "person_id", "left_anti")
    popular = popularity.top_n(popularity.fit(ratings), strangers, n, bought).select(
        "*", F.lit("popular").alias("reason"), F.lit("popularity").alias("model")
    )
    if model is not None:
        alike = als.top_n(model, people, n, bought).select(
            "*", F.lit("similar shoppers").alias("reason"), F.lit(model_name).alias("model")
        )
        popular = alike.unionByName(popular)
    return popular.withColumn("slot", F.lit("discover"))


def as_recommendations(
    ratings: DataFrame, sizes: RecommendationsSettings, version: str, model: AlsModel | None, model_name: str
) -> DataFrame:
    """Both slots for everyone in the ratings."""
    people = ratings.select("person_id").distinct()
    again = as_again(ratings, people, sizes.again)
    discover = as_discover(ratings, people, sizes.discover, model, model_name)
    return again.unionByName(discover).withColumn("version", F.lit(version))


def version_name(as_of: datetime, model_name: str) -> str:
    """`20180101T040200Z-als3`: the same moment and the same model give the same version."""
    return f"{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}-{model_name}"


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for(TABLE, settings)
    champion = registry.resolve(tracking.registry_of(settings), "als", registry.CHAMPION)
    model, model_name = None, "popularity"
    if champion is None:
        log.warning("%s: no als was promoted yet, so slot discover holds what is popular", TABLE)
    else:
        of_run = F.col("run_id") == champion.run_id
        model = AlsModel(*(tables.read(spark, f"gold.{of}_factors").where(of_run) for of in ("person", "item")))
        model_name = f"als{champion.version}"
    ratings = consented(tables.read(spark, "gold.ratings"), "personalisation", options.as_of)
    version = version_name(options.as_of, model_name)
    tables.overwrite(as_recommendations(ratings, settings.recommendations, version, model, model_name), TABLE)


if __name__ == "__main__":
    job.submit(main)

"""gold.recommendations: one row per person, slot and rank: what each person should see next. One version per run.

Slot `again` holds what the person bought before; slot `discover` holds items new to the person. Which recommenders
fill a slot is said by the settings, in turn: a person for whom the first has no list gets that of the next. One that is
trained takes part by its champion, and not at all before one was promoted.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.champions import kept, tracking
from jobs.errors import OperatorError
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from jobs.settings.recommendations_settings import RecommendationsSettings
from models.recommender import Recommender
from models.recommender_list import RECOMMENDERS, recommender

TABLE = "gold.recommendations"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Filler:
    """A recommender with its fitted model, and the name under which that fills a slot, such as als3."""

    recommender: Recommender
    model: Any
    name: str


def as_recommendations(
    ratings: DataFrame,
    sizes: RecommendationsSettings,
    again: Sequence[Filler],
    discover: Sequence[Filler],
    version: str,
) -> DataFrame:
    """Both slots for everyone in the ratings."""
    people = ratings.select("person_id").distinct()
    return (
        as_again(ratings, people, sizes.again, again)
        .unionByName(as_discover(ratings, people, sizes.discover, discover))
        .withColumn("version", F.lit(version))
    )


def as_again(ratings: DataFrame, people: DataFrame, n: int, fillers: Iterable[Filler]) -> DataFrame:
    """Up to n items per person, of those the person bought."""
    own = ratings.where("purchases > 0").select("person_id", "item_id")
    lists = as_lists(people, n, fillers).join(own, on=["person_id", "item_id"], how="left_semi")
    return lists.withColumn("slot", F.lit("again"))


def as_discover(ratings: DataFrame, people: DataFrame, n: int, fillers: Iterable[Filler]) -> DataFrame:
    """n items per person that the person has not bought."""
    bought = ratings.where("purchases > 0").select("person_id", "item_id")
    return as_lists(people, n, fillers, bought).withColumn("slot", F.lit("discover"))


def as_lists(people: DataFrame, n: int, fillers: Iterable[Filler], seen: DataFrame | None = None) -> DataFrame:
    """Rows (person_id, rank, item_id, score, reason, reason_values, model): each person's list by the first filler that
    has one."""
    lists = []
    for filler in fillers:
        one = filler.recommender
        top = one.top_n(filler.model, people, n, seen)
        explained = top.withColumn("_why", one.reason()).select("*", "_why.*").drop("_why")
        lists.append(explained.withColumn("model", F.lit(filler.name)))
        served = one.people_of(filler.model)
        if served is None:
            break
        people = people.join(served, on="person_id", how="left_anti")
    return reduce(DataFrame.unionByName, lists)


def fillers_of(lake: Lake, names: Sequence[str], ratings: DataFrame) -> list[Filler]:
    """Of each name its champion, where it is trained, or the recommender fitted on the ratings."""
    fillers = []
    for one in map(recommender, names):
        if one.kept is None:
            fillers.append(Filler(one, one.fit(ratings, lake.settings.params_of(one.name)), one.name))
            continue
        champion = tracking.champion_if_any(lake.settings, one.name)
        if champion is None:
            log.warning("%s: no %s was promoted yet, so it fills no list", TABLE, one.name)
        else:
            fillers.append(Filler(one, kept.load(lake, one, champion), f"{one.name}{champion.version}"))
    if not fillers:
        raise OperatorError(
            f"{TABLE}: none of {', '.join(names)} can fill a list; name popularity last in the settings"
        )
    return fillers


def version_name(as_of: datetime, model: str) -> str:
    """`20180101T040200Z-als3`: the same moment and the same model give the same version."""
    return f"{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}-{model}"


def main(lake: Lake, options: Options) -> None:
    sizes = lake.settings.recommendations
    ratings = personal(lake, "gold.ratings", "personalisation", options.as_of).persist()
    try:
        again, discover = (fillers_of(lake, names, ratings) for names in (sizes.again_by, sizes.discover_by))
        version = version_name(options.as_of, discover[0].name)
        tables.overwrite(lake, TABLE, as_recommendations(ratings, sizes, again, discover, version))
    finally:
        ratings.unpersist()


KEPT = [one for one in RECOMMENDERS.values() if one.kept]
JOB = Job(
    TABLE,
    main,
    reads=(
        "gold.ratings",
        "silver.consents",
        "silver.identities",
        *[table for one in KEPT if one.kept for table in one.kept.tables],
        *[f"models.{one.name}" for one in KEPT],
    ),
)

if __name__ == "__main__":
    submit(JOB)

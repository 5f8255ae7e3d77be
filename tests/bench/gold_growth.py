"""ratings_growth, publish_growth: gold.ratings, and lists into Redis, for three and ten times the demo's people.

The demo's year is landed once; each further copy of it is of people of its own, who do the same. So items are as
popular, and people as busy, as they are in the demo.
"""

import functools
from collections.abc import Callable
from statistics import median
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.gold import ratings
from jobs.job import Options
from jobs.job_list import job_named
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.local import demo
from jobs.local.shop import journey
from jobs.publish import recommendations
from tests.bench.clock import exponent, result, seconds
from tests.bench.cold_ingest import ours
from tests.bench.messages import send
from tests.other_lake import changed, rooted
from tests.topics import with_topic

TIMES_THE_DEMO = (1, 3, 10)
RUNS = 3
ITEMS_EACH = 50
OPTIONS = Options(demo.AS_OF)


def of_ratings(lake: Lake) -> dict[str, Any]:
    lakes = {times: _shop(lake, times) for times in TIMES_THE_DEMO}
    rows = {times: tables.row_count(own, "silver.interactions") for times, own in lakes.items()}
    return _measured({rows[times]: own for times, own in lakes.items()}, "interactions to gold.ratings", ratings.main)


def of_publish(lake: Lake) -> dict[str, Any]:
    lakes = {}
    for times in TIMES_THE_DEMO:
        own = changed(_shop(lake, times), redis={"prefix": f"growth-{times}"})
        lists = _lists(tables.read(own, "silver.interactions"))
        tables.overwrite(own, "gold.recommendations", lists)
        popular = lists.groupBy("item_id").agg(F.count("*").cast("double").alias("score")).orderBy(F.desc("score"))
        top = popular.limit(ITEMS_EACH).select(F.lit("everyone").alias("segment_id"), "item_id", "score")
        tables.overwrite(
            own, "gold.fallbacks", top.withColumn("rank", F.expr("int(monotonically_increasing_id()) + 1"))
        )
        tables.create(own, "silver.items")
        lakes[lists.select("person_id").distinct().count()] = own
    return _measured(lakes, f"lists of {ITEMS_EACH} from gold to Redis", recommendations.main)


def _measured(lakes: dict[int, Lake], what: str, job: Callable[[Lake, Options], None]) -> dict[str, Any]:
    """Each lake in turn, once to warm the JVM and then timed; by how many of `what` it has."""
    taken: dict[int, list[float]] = {many: [] for many in lakes}
    for turn in range(RUNS + 1):
        for many, own in lakes.items():
            took = seconds(functools.partial(job, own, OPTIONS))
            taken[many] += [took] if turn > 0 else []
    of = {many: round(median(took), 2) for many, took in taken.items()}
    least, most = min(of), max(of)
    return result(
        of[most], f"s for {most:,} {what}", f"s for {least:,}", of[least], most, exponent=exponent(of), seconds=of
    )


def _shop(lake: Lake, times: int) -> Lake:
    """A lake with interactions and consents of so many times the demo's people; made where it is not there yet."""
    own = rooted(lake, f"{lake.settings.home}/growth-{times}")
    tables.create(own, "silver.identities")  # nobody is anybody else
    if tables.exists(own, "silver.consents"):
        return own
    if times == 1:
        landing = with_topic(own, own.settings.kafka.partitions)
        send(landing.settings, journey.messages())
        for step in ours(landing):
            step()
        for name in ("silver.interactions", "silver.consents"):
            job_named(name).main(landing, OPTIONS)
        return own
    first = _shop(lake, 1)
    for name in ("silver.interactions", "silver.consents"):
        for copy in range(times):
            tables.append(own, name, _of_others(tables.read(first, name), copy))
    return own


def _of_others(rows: DataFrame, copy: int) -> DataFrame:
    """The same of people, and of orders, whose ids end with the copy's number."""
    ids = ("user_id", "anonymous_id", "device_id", "event_id", "order_id")
    return rows.withColumns({name: F.concat(name, F.lit(f"-{copy}")) for name in ids if name in rows.columns})


def _lists(interactions: DataFrame) -> DataFrame:
    """Items of each person that others bought too, in the columns of gold.recommendations."""
    people = interactions.select(F.coalesce("user_id", "anonymous_id").alias("person_id")).distinct()
    popular = interactions.groupBy("item_id").count().orderBy(F.desc("count"), "item_id").limit(1_000)
    numbered = popular.withColumn("place", F.expr("row_number() OVER (ORDER BY count DESC, item_id) - 1"))
    ranks = people.withColumn("rank", F.explode(F.sequence(F.lit(1), F.lit(ITEMS_EACH))))
    placed = ranks.withColumn("place", F.expr(f"(pmod(hash(person_id), 20) * {ITEMS_EACH} + rank - 1)"))
    return placed.join(F.broadcast(numbered.drop("count")), on="place").select(
        F.lit("growth").alias("version"),
        "person_id",
        F.lit("discover").alias("slot"),
        "rank",
        "item_id",
        (1.0 / F.col("rank")).alias("score"),
        F.lit("similar_people").alias("reason"),
        F.lit(None).cast("map<string, string>").alias("reason_values"),
        F.lit("growth").alias("model"),
    )

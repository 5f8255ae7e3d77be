"""publish.recommendations: the newest version of gold.recommendations into Redis, beside the old, then one flip.

What the keys are called and what they hold, jobs/redis_store says. Who refuses personalisation is left out twice: by
silver.consents as it is now, and by the set of the suppressed, which live.consents keeps and which may be ahead of the
lake: their lists are deleted before the flip and, for who withdrew in that moment, after it. Every key of a version
expires after redis.ttl_days. A run that dies half-way is invisible, and running it again writes the same keys.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.errors import OperatorError
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from jobs.redis_store.client import connect, require_lasting
from jobs.redis_store.faults import redis_faults
from jobs.redis_store.keys import Keys
from jobs.redis_store.reading import is_suppressed
from jobs.redis_store.writing import as_fallback_lists, as_lists, flip, withhold, write, write_items, write_manifest
from jobs.settings.loading import Settings
from jobs.settings.redis_settings import RedisSettings

SAMPLE = 100
AGAIN = "mend that and run: lakehouse run publish.recommendations"

log = logging.getLogger(__name__)


def as_labels(items: DataFrame, interactions: DataFrame, shown: DataFrame) -> DataFrame:
    """One row per item of `shown`, as JSON: its title, and its price: the catalogue's, else the median paid for one, in
    the currency that it was bought in most often."""
    bought = interactions.where((F.col("event_type") == "purchase") & (F.col("quantity") > 0))
    price = F.round(F.median(F.col("amount") / F.col("quantity")), 2)
    by_currency = bought.groupBy("item_id", "currency").agg(price.alias("price"), F.count("*").alias("lines"))
    paid = by_currency.groupBy("item_id").agg(
        F.max(F.struct("lines", "currency", "price")).alias("paid"),
    )
    of_catalog = F.when(F.col("price").isNotNull(), F.struct("price", "currency"))
    offered = items.select("item_id", "title", of_catalog.alias("offered"))
    labelled = shown.distinct().join(offered, "item_id", "left").join(paid, "item_id", "left")
    of_item = F.coalesce("offered", F.struct("paid.price", "paid.currency"))
    return labelled.select("item_id", of_item.alias("of_item"), "title").select(
        "item_id", F.to_json(F.struct("title", "of_item.price", "of_item.currency")).alias("value")
    )


def verify(sample: list[Row], people: int, version: str, redis: RedisSettings, written: int) -> None:
    """Raises OperatorError unless as many lists were written as there are people, and a sample reads back equal."""
    if written != people:
        raise OperatorError(f"publish: {people} people but {written} lists written; version not made current")
    client, keys = connect(redis), Keys(redis.prefix)
    values: Any = client.mget([keys.of_version(version, row["name"]) for row in sample])
    differing = [row["name"] for row, value in zip(sample, values, strict=True) if value != row["value"]]
    # live.consents may have deleted a list since; one that it did not delete is wrong.
    wrong = [name for name in differing if not is_suppressed(client, keys, name.removeprefix("person:"))]
    if wrong:
        raise OperatorError(f"publish: {len(wrong)} of {len(sample)} lists read back differ; version not made current")


def require(settings: Settings) -> None:
    """Raises OperatorError unless Redis answers and keeps its keys."""
    require_lasting(connect(settings.redis), settings.redis)


def main(lake: Lake, options: Options) -> None:
    redis = lake.settings.redis
    recommendations = personal(lake, "gold.recommendations", "personalisation", options.as_of)
    interactions = personal(lake, "silver.interactions", "analytics", options.as_of)
    fallbacks, items = tables.read(lake, "gold.fallbacks"), tables.read(lake, "silver.items")
    version, people = _version_and_people(recommendations, options.as_of)
    item_ids = recommendations.select("item_id").union(fallbacks.select("item_id"))
    labels = as_labels(items, interactions, item_ids)
    with redis_faults(redis, f"version {version} was not made current, pages read on what they read before"):
        manifest = _beside(as_lists(recommendations), as_fallback_lists(fallbacks), labels, version, people, redis)
        moments = {"as_of": _utc(options.as_of), "published_at": _utc(datetime.now(UTC))}
        write_manifest(connect(redis), redis, version, {**manifest, **moments})
    with redis_faults(redis, f"it may or may not have made version {version} current; {AGAIN}"):
        flip(connect(redis), redis, version)
    with redis_faults(redis, f"version {version} is current, and may hold lists of who just withdrew; {AGAIN}"):
        withhold(connect(redis), redis, version)
    log.info("publish.recommendations: version %s is current, %s people", version, f"{manifest['people']:,}")


def _beside(
    lists: DataFrame, fallbacks: DataFrame, labels: DataFrame, version: str, people: int, redis: RedisSettings
) -> dict[str, Any]:
    """Writes the version beside the current one and reads a sample back. Returns what it holds."""
    client = connect(redis)
    lists = lists.persist()
    try:
        written, size = write(lists, version, redis)
        segments, _ = write(fallbacks, version, redis)
        items = {row["item_id"]: row["value"] for row in labels.collect()}
        write_items(client, redis, version, items)
        verify(lists.limit(SAMPLE).collect(), people, version, redis, written)
    finally:
        lists.unpersist()
    people -= withhold(client, redis, version)
    return {"version": version, "people": people, "segments": segments, "items": len(items), "bytes": size}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _version_and_people(recommendations: DataFrame, as_of: datetime) -> tuple[str, int]:
    """Where nobody has a list, as in a shop that has not asked its visitors yet, what is popular is published alone."""
    versions = recommendations.groupBy("version").agg(F.count_distinct("person_id").alias("people")).collect()
    if not versions:
        log.warning("publish.recommendations: nobody has a list; what is popular is published alone")
        return f"{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}-fallbacks", 0
    if len(versions) > 1:
        raise OperatorError(
            f"gold.recommendations holds {len(versions)} versions, expected 1; run: lakehouse run gold.recommendations"
        )
    return str(versions[0]["version"]), int(versions[0]["people"])


JOB = Job(
    "publish.recommendations",
    main,
    reads=(
        "gold.recommendations",
        "gold.fallbacks",
        "silver.interactions",
        "silver.items",
        "silver.consents",
        "silver.identities",
    ),
    also_writes=("redis",),
    before=require,
)

if __name__ == "__main__":
    submit(JOB)

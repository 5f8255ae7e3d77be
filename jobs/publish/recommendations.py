"""publish.recommendations: the newest version of gold.recommendations into Redis, beside the old, then one flip.

Keys, with the prefix of the settings (`rec`) and a version v:
  rec:current            the version that pages read
  rec:previous           the one before it, for a rollback until it expires
  rec:v:person:<id>      {"again": [[item, reason], ...], "discover": [[item, reason], ...]}, best first
  rec:v:segment:<id>     {"popular": [[item, "popular"], ...]}; segment `everyone` is for visitors nothing is known of
  rec:v:items            a hash: item -> {"name": ..., "price": median price paid}
  rec:v:manifest         {"version", "people", "segments", "items", "bytes", "published_at"}
Who refuses personalisation is left out twice: by silver.consents as it is now, and by rec:suppressed, which
live.consents keeps and which may be ahead of the lake: their lists are deleted before the flip and, for who withdrew
in that moment, after it. Every key of a version expires after redis.ttl_days. A run that dies half-way is invisible,
and running it again writes the same keys.
"""

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from redis import Redis

from jobs import job
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.people.consent import consented
from jobs.serve import page
from jobs.settings.loading import Settings
from jobs.settings.redis_settings import RedisSettings

SAMPLE = 100

log = logging.getLogger(__name__)


def as_lists(recommendations: DataFrame) -> DataFrame:
    """One row per person: key suffix and value, the slots as JSON."""
    slots = recommendations.groupBy("person_id", "slot").agg(_ranked().alias("items"))
    lists = F.to_json(F.map_from_entries(F.array_sort(F.collect_list(F.struct("slot", "items")))))
    suffix = F.concat(F.lit("person:"), "person_id")
    return slots.groupBy("person_id").agg(lists.alias("value")).select(suffix.alias("suffix"), "value")


def as_fallback_lists(fallbacks: DataFrame) -> DataFrame:
    """One row per segment: key suffix and value."""
    popular = fallbacks.withColumn("reason", F.lit("popular")).groupBy("segment_id").agg(_ranked().alias("popular"))
    suffix = F.concat(F.lit("segment:"), "segment_id")
    return popular.select(suffix.alias("suffix"), F.to_json(F.struct("popular")).alias("value"))


def _ranked() -> Column:
    """[item, reason] pairs of a group, best first."""
    pairs = F.array_sort(F.collect_list(F.struct("rank", "item_id", "reason")))
    return F.transform(pairs, lambda pair: F.array(pair["item_id"], pair["reason"]))


def as_labels(items: DataFrame, interactions: DataFrame, shown: DataFrame) -> DataFrame:
    """One row per item of `shown`: its name and the median price paid for one, as JSON."""
    bought = interactions.where((F.col("event_type") == "purchase") & (F.col("quantity") > 0))
    prices = bought.groupBy("item_id").agg(F.round(F.median(F.col("amount") / F.col("quantity")), 2).alias("price"))
    labelled = shown.distinct().join(items.select("item_id", "name"), "item_id", "left").join(prices, "item_id", "left")
    return labelled.select("item_id", F.to_json(F.struct("name", "price")).alias("value"))


def write(lists: DataFrame, base: str, redis: RedisSettings) -> tuple[int, int]:
    """Writes each row under `base:suffix` from the executors. Returns how many, and the bytes of their values."""

    def put(rows: Iterator[Any]) -> Iterator[Any]:
        import pandas as pd

        client = page.connect(redis)
        for frame in rows:
            pairs = list(zip(frame["suffix"], frame["value"], strict=True))
            for start in range(0, len(pairs), redis.batch):
                with client.pipeline(transaction=False) as pipeline:
                    for suffix, value in pairs[start : start + redis.batch]:
                        pipeline.set(f"{base}:{suffix}", value, ex=page.seconds_to_live(redis))
                    pipeline.execute()
            yield pd.DataFrame({"keys": [len(frame)], "bytes": [int(frame["value"].str.len().sum())]})

    written = lists.mapInPandas(put, "keys long, bytes long").agg(F.sum("keys"), F.sum("bytes")).collect()[0]
    return int(written[0] or 0), int(written[1] or 0)


def verify(sample: list[Row], people: int, base: str, redis: RedisSettings, written: int) -> None:
    """Raises OperatorError unless as many lists were written as there are people, and a sample reads back equal."""
    if written != people:
        raise OperatorError(f"publish: {people} people but {written} lists written; version not made current")
    client = page.connect(redis)
    found = client.mget([f"{base}:{row['suffix']}" for row in sample])
    differing = [row["suffix"] for row, value in zip(sample, found, strict=True) if value != row["value"]]
    # live.consents may have deleted a list since; one that it did not is wrong.
    wrong = [suffix for suffix in differing if not page.is_suppressed(client, redis, suffix.removeprefix("person:"))]
    if wrong:
        raise OperatorError(f"publish: {len(wrong)} of {len(sample)} lists read back differ; version not made current")


def withhold(client: Redis, redis: RedisSettings, version: str) -> int:
    """Deletes the version's lists of persons in rec:suppressed. Returns how many there were."""
    gone, cursor = 0, -1
    while cursor != 0:
        found: Any = client.sscan(f"{redis.prefix}:suppressed", max(cursor, 0), count=redis.batch)
        cursor, people = found
        keys = [f"{redis.prefix}:{version}:person:{person}" for person in people]
        gone += int(client.unlink(*keys)) if keys else 0
    return gone


def main(settings: Settings, options: job.Options) -> None:
    redis = settings.redis
    client = page.connect(redis)
    page.require(client, redis)
    spark = spark_for("publish.recommendations", settings)
    recommendations = consented(tables.read(spark, "gold.recommendations"), "personalisation", options.as_of)
    interactions = consented(tables.read(spark, "silver.interactions"), "analytics", options.as_of)
    fallbacks, items = tables.read(spark, "gold.fallbacks"), tables.read(spark, "silver.items")
    version, people = _version_and_people(recommendations)
    base = f"{redis.prefix}:{version}"
    lists = as_lists(recommendations).persist()
    try:
        written, size = write(lists, base, redis)
        segments, _ = write(as_fallback_lists(fallbacks), base, redis)
        shown = recommendations.select("item_id").union(fallbacks.select("item_id"))
        labels = as_labels(items, interactions, shown).collect()
        for start in range(0, len(labels), redis.batch):
            some = labels[start : start + redis.batch]
            client.hset(f"{base}:items", mapping={row["item_id"]: row["value"] for row in some})
        client.expire(f"{base}:items", page.seconds_to_live(redis))
        verify(lists.limit(SAMPLE).collect(), people, base, redis, written)
    finally:
        lists.unpersist()
    people -= withhold(client, redis, version)
    manifest = _manifest(version, people, segments, len(labels), size, options.as_of)
    client.set(f"{base}:manifest", json.dumps(manifest), ex=page.seconds_to_live(redis))
    page.flip(client, redis, version)
    withhold(client, redis, version)
    log.info("publish.recommendations: version %s is current, %s people", version, f"{people:,}")


def _version_and_people(recommendations: DataFrame) -> tuple[str, int]:
    found = recommendations.groupBy("version").agg(F.count_distinct("person_id").alias("people")).collect()
    if len(found) != 1:
        raise OperatorError(
            f"gold.recommendations holds {len(found)} versions, expected 1; run: lakehouse run gold.recommendations"
        )
    return str(found[0]["version"]), int(found[0]["people"])


def _manifest(version: str, people: int, segments: int, items: int, size: int, at: datetime) -> dict[str, Any]:
    return {
        "version": version,
        "people": people,
        "segments": segments,
        "items": items,
        "bytes": size,
        "published_at": at.isoformat(),
    }


if __name__ == "__main__":
    job.submit(main)

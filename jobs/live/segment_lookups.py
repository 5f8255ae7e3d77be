"""What rules ask of the lake beside events: the catalogue, and people's attributes. Live, as the lake has them now."""

import uuid
from datetime import datetime
from functools import reduce
from typing import Any

from pyspark import Broadcast
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from redis import Redis

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from jobs.redis_store.client import connect
from jobs.redis_store.faults import redis_faults
from jobs.redis_store.keys import Keys
from jobs.redis_store.live_segments import AT_ONCE, forget_attributes, update_attributes
from jobs.redis_store.writing import from_executors
from jobs.segment_rules.entries import Items
from jobs.segment_rules.tracks import Rules
from jobs.segments import rule_sets
from jobs.segments.canary import RuleSets

ITEMS = "silver.items"
PEOPLE = "silver.people"


def catalogue(lake: Lake) -> "Broadcast[Items]":
    """Categories and brand of each item."""
    rows = tables.read(lake, "silver.items").toLocalIterator() if tables.exists(lake, ITEMS) else ()
    known: Items = {row["item_id"]: (row["categories"], row["brand"]) for row in rows}
    return lake.spark.sparkContext.broadcast(known)


def attributes(lake: Lake, sets: RuleSets, rules: Rules, as_of: datetime) -> DataFrame | None:
    """person_id and `told`, as JSON what rules ask for of the attributes of those who allow the purpose of such a rule.
    None where no rule does, and where the lake knows nobody."""
    segments = sets.all.values()
    purposes = {one.purpose for one in segments if Rules({"": one.expression}, rules.known, rules.fields).of_attributes}
    if not purposes or not tables.exists(lake, PEOPLE):
        return None
    allowed = reduce(DataFrame.unionByName, [personal(lake, PEOPLE, one, as_of) for one in sorted(purposes)])
    told = F.to_json(F.struct(*[F.col("attributes")[name].alias(name) for name in rules.attributes]))
    return allowed.where("attributes IS NOT NULL").groupBy("person_id").agg(F.max(told).alias("told"))


def take_up_attributes(lake: Lake, known: DataFrame | None) -> None:
    """Into Redis, in place of what is there. `known`: as `attributes` gives them."""
    redis, read_at = lake.settings.redis, uuid.uuid4().hex
    client, keys = connect(redis), Keys(redis.prefix)

    def put(client: Redis, rows: Any) -> int:
        told = [*rows.itertuples(index=False, name=None)]
        for start in range(0, len(told), AT_ONCE):
            update_attributes(client, keys, dict(told[start : start + AT_ONCE]), read_at)
        return len(told)

    if known is not None:
        from_executors(known, put, redis)
    with redis_faults(redis):
        forget_attributes(client, keys, read_at)


def attributes_seen(known: DataFrame | None) -> str:
    """The same where they are the same."""
    return "" if known is None else _sum(known, F.xxhash64("person_id", "told"))


def catalogue_seen(lake: Lake, rules: Rules) -> str:
    """The same where the catalogue says the same of its items, as far as rules ask for it."""
    if not rules.of_items or not tables.exists(lake, ITEMS):
        return ""
    return _sum(tables.read(lake, "silver.items"), F.xxhash64("item_id", F.to_json(F.struct("categories")), "brand"))


def versions_asked(lake: Lake, rules: Rules) -> tuple[int | None, ...]:
    """Of the tables that rules come from, and of those whose contents they ask for. Costs no Spark job."""
    asked = [name for name, is_asked in ((ITEMS, rules.of_items), (PEOPLE, rules.of_attributes)) if is_asked]
    return rule_sets.version(lake), *[tables.version(lake, name) for name in asked if tables.exists(lake, name)]


def _sum(rows: DataFrame, said: Column) -> str:
    """Of what each row says: it does not depend on their order."""
    return str(rows.agg(F.sum(said.cast("decimal(38, 0)")), F.count("*")).collect()[0])

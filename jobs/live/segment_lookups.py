"""What rules ask of the lake beside events: the catalogue, and people's attributes. Live, as the lake has them now."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from typing import Any

from pyspark import Broadcast
from pyspark.sql import DataFrame
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
from jobs.segments.canary import RuleSets

WATCHED = ("ops.segment_rule_sets", "silver.items", "silver.people", "silver.consents", "silver.identities")
"""What is looked at again and again while the job lasts."""

RULES, CATALOGUE, *PEOPLE = WATCHED


def catalogue(lake: Lake) -> "Broadcast[Items]":
    """Categories and brand of each item."""
    rows = tables.read(lake, "silver.items").toLocalIterator() if tables.exists(lake, "silver.items") else ()
    known: Items = {row["item_id"]: (row["categories"], row["brand"]) for row in rows}
    return lake.spark.sparkContext.broadcast(known)


def attributes(lake: Lake, sets: RuleSets, rules: Rules, as_of: datetime) -> DataFrame | None:
    """person_id and `told`, as JSON what rules ask for of the attributes of those who allow the purpose of such a rule;
    of several values the largest, as in batch. None where no rule does, and where the lake knows nobody."""
    if not rules.of_attributes or not all(tables.exists(lake, name) for name in PEOPLE):
        return None
    parts, nothing = [], F.lit(None).cast("string")
    for purpose in sorted({one.purpose for one in sets.all.values()}):
        asked = {one.name: one.expression for one in sets.all.values() if one.purpose == purpose}
        names = Rules(asked, rules.known, rules.fields).attributes
        if names:
            people = personal(lake, "silver.people", purpose, as_of).where("attributes IS NOT NULL")
            values = {name: F.col("attributes")[name] if name in names else nothing for name in rules.attributes}
            parts.append(people.select("person_id", *[value.alias(name) for name, value in values.items()]))
    largest = [F.max(name).alias(name) for name in rules.attributes]
    return reduce(DataFrame.unionByName, parts).groupBy("person_id").agg(F.to_json(F.struct(*largest)).alias("told"))


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


def catalogue_seen(lake: Lake, rules: Rules) -> str:
    """The same where the catalogue says the same of its items, as far as rules ask for it: a sum over its rows, which
    does not depend on their order."""
    if not rules.of_items or not tables.exists(lake, "silver.items"):
        return ""
    said = F.xxhash64("item_id", F.to_json(F.struct("categories")), "brand").cast("decimal(38, 0)")
    return str(tables.read(lake, "silver.items").agg(F.sum(said), F.count("*")).collect()[0])


def versions(lake: Lake) -> dict[str, int]:
    """Of what is WATCHED, as far as it is built. Costs no Spark job."""
    return {name: tables.version(lake, name) for name in WATCHED if tables.exists(lake, name)}


def says_otherwise(seen: Mapping[str, int], now: Mapping[str, int], rules: Rules) -> tuple[bool, bool]:
    """Whether others may be the rules or the catalogue, and whether people's attributes may be, as far as rules ask for
    them."""
    changed = {name for name in WATCHED if seen.get(name) != now.get(name)}
    of_rules = {RULES, CATALOGUE} if rules.of_items else {RULES}
    return not changed.isdisjoint(of_rules), rules.of_attributes and not changed.isdisjoint(PEOPLE)

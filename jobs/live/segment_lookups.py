"""What rules ask of the lake beside events: the catalogue, and people's attributes. Live, as the lake has them now."""

import uuid
from functools import reduce
from typing import Any

from pyspark import Broadcast
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from redis import Redis

from jobs.job import Options
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.live.segment_state import Membership
from jobs.people.personal import personal
from jobs.redis_store.client import connect
from jobs.redis_store.faults import redis_faults
from jobs.redis_store.keys import Keys
from jobs.redis_store.live_segments import AT_ONCE, forget_attributes, update_attributes
from jobs.redis_store.writing import from_executors
from jobs.segment_rules.entries import Items
from jobs.segment_rules.tracks import Rules
from jobs.segments import rule_sets

LOOKS_BACK = ("silver.events", "silver.consents", "silver.identities")
"""What of the lake live.segments begins with, where the lake is built."""

ITEMS, PEOPLE = "silver.items", "silver.people"


def catalogue(lake: Lake) -> "Broadcast[Items]":
    """Categories and brand of each item."""
    rows = tables.read(lake, ITEMS).toLocalIterator() if tables.exists(lake, ITEMS) else ()
    known: Items = {row["item_id"]: (row["categories"], row["brand"]) for row in rows}
    return lake.spark.sparkContext.broadcast(known)


def take_up_attributes(lake: Lake, membership: Membership, options: Options) -> None:
    """What rules ask for of people's attributes, of those who allow the purpose of such a rule, into Redis in place of
    what is there."""
    redis, purposes = lake.settings.redis, _purposes(membership)
    client, keys, read_at = connect(redis), Keys(redis.prefix), uuid.uuid4().hex
    if purposes and all(tables.exists(lake, name) for name in (PEOPLE, *LOOKS_BACK)):
        allowed = reduce(DataFrame.unionByName, [personal(lake, PEOPLE, one, options.as_of) for one in purposes])
        told = F.to_json(F.struct(*_asked(membership.rules)))
        rows = allowed.where("attributes IS NOT NULL").groupBy("person_id").agg(F.max(told).alias("told"))

        def put(client: Redis, rows: Any) -> int:
            told = [*rows.itertuples(index=False, name=None)]
            for start in range(0, len(told), AT_ONCE):
                update_attributes(client, keys, dict(told[start : start + AT_ONCE]), read_at)
            return len(told)

        from_executors(rows, put, redis)
    with redis_faults(redis):
        forget_attributes(client, keys, read_at)


def catalogue_seen(lake: Lake, rules: Rules) -> str:
    """The same where the catalogue says the same of its items, as far as rules ask for it."""
    said = F.xxhash64("item_id", F.to_json(F.struct("categories")), "brand")
    return _seen(lake, ITEMS, said) if rules.of_items else ""


def attributes_seen(lake: Lake, rules: Rules) -> str:
    """The same where people's attributes are the same, as far as rules ask for them."""
    return _seen(lake, PEOPLE, F.xxhash64("user_id", *_asked(rules))) if rules.of_attributes else ""


def versions_asked(lake: Lake, rules: Rules) -> tuple[int | None, ...]:
    """Of the tables that rules come from, and of those whose contents they ask for. Costs no Spark job."""
    asked = [name for name, is_asked in ((ITEMS, rules.of_items), (PEOPLE, rules.of_attributes)) if is_asked]
    return rule_sets.version(lake), *[tables.version(lake, name) for name in asked if tables.exists(lake, name)]


def _seen(lake: Lake, table: str, said: Column) -> str:
    """A sum of what each row says: it does not depend on their order."""
    if not tables.exists(lake, table):
        return ""
    return str(tables.read(lake, table).agg(F.sum(said.cast("decimal(38, 0)")), F.count("*")).collect()[0])


def _asked(rules: Rules) -> list[Column]:
    return [F.col("attributes")[name].alias(name) for name in rules.attributes]


def _purposes(membership: Membership) -> list[str]:
    known, fields = membership.rules.known, membership.rules.fields
    segments = membership.sets.all.values()
    return sorted({one.purpose for one in segments if Rules({one.name: one.expression}, known, fields).of_attributes})

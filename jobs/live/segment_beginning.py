"""How the state of live.segments in Redis begins: from what the lake has, or from a state that other rules left."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

import msgspec
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from redis import Redis

from expectations.contract import PURPOSES
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing import kafka_stream
from jobs.live.segment_lookups import attributes, take_up_attributes
from jobs.live.segment_state import RULES, Membership, News, take_up
from jobs.people.aliases import aliases
from jobs.people.personal import personal
from jobs.redis_store.client import connect
from jobs.redis_store.faults import redis_faults
from jobs.redis_store.keys import Keys
from jobs.redis_store.live_segments import (
    RULES_DUE,
    begin,
    begun_by,
    end_begin,
    look_at_everybody,
)
from jobs.redis_store.writing import from_executors, write_aliases
from jobs.segment_rules import memory
from jobs.segment_rules.entries import Items
from jobs.segment_rules.memory import Kept
from jobs.segment_rules.person import SESSION_AT_MOST
from jobs.segment_rules.tracks import Rules

NAME = "live.segments"


def holds_what_is_asked(client: Redis, keys: Keys, membership: Membership) -> bool:
    """Whether Redis holds a state, by whatever rules, in which is what these rules look at."""
    return begun_by(client, keys).partition(" ")[0] == membership.begun_by.partition(" ")[0]


def go_on_by(client: Redis, keys: Keys, membership: Membership) -> None:
    """With the state that other rules left: everybody is looked at anew. Killed half-way, it is done again; who goes by
    the other rules still is kept from writing first."""
    kept = membership.begun_by.partition(" ")[0]
    end_begin(client, keys, f"{kept} goes on")
    look_at_everybody(client, keys, RULES_DUE)
    end_begin(client, keys, membership.begun_by)


def begin_anew(
    lake: Lake, membership: Membership, items: "Broadcast[Items]", as_of: datetime, looks_back: tuple[str, ...]
) -> None:
    """What rules look at of all that silver.events has, into Redis in place of what is there; the stream then reads
    Kafka from where that ends, and from the topic's start where the lake is not built: where it lacks a table of
    `looks_back`. Killed half-way, it is done again."""
    redis = lake.settings.redis
    client, keys, beginning = connect(redis), Keys(redis.prefix), replace(membership, begun_by=f"{NAME} begins")
    with redis_faults(redis):
        begin(client, keys, beginning.begun_by)
    events = None
    if all(tables.exists(lake, name) for name in looks_back):
        write_aliases(aliases(lake), redis)
        # Before the events: else somebody would be for a moment who they are without attributes, and be told of.
        take_up_attributes(lake, attributes(lake, membership.sets, membership.rules, as_of))
        # Each segment is of one purpose; who allows one of them may be in it by all that the lake has of them.
        allowed = [personal(lake, "silver.events", purpose, as_of) for purpose in PURPOSES]
        events = reduce(DataFrame.unionByName, allowed)
        kept = _kept(events, membership.rules, as_of)

        def put(client: Redis, rows: Any) -> int:
            return take_up(client, keys, beginning, _news_of_rows(rows, membership, items.value), RULES)

        from_executors(kept, put, redis)
    kafka_stream.restart_behind(lake, NAME, events)
    with redis_faults(redis):
        end_begin(client, keys, membership.begun_by)


def _kept(events: DataFrame, rules: Rules, as_of: datetime) -> DataFrame:
    """Of the events that a rule may look at, each once: whose they are, their id, their instant and the rest as JSON;
    all of a person's one after the other."""
    is_looked_at = F.col("event_type").isin(*rules.selections)
    if rules.of_sessions:
        is_looked_at |= F.col("occurred_at") > F.lit(as_of - timedelta(microseconds=SESSION_AT_MOST))
    rest = F.to_json(F.struct("event_type", "context", "payload")).alias("event")
    columns = events.where(is_looked_at).select("person_id", "event_id", F.unix_micros("occurred_at").alias("at"), rest)
    of_person = columns.repartition("person_id").dropDuplicates(["person_id", "event_id"])
    return of_person.sortWithinPartitions("person_id")


def _news_of_rows(rows: Any, membership: Membership, items: Items) -> News:
    news: dict[str, list[Kept]] = {}
    for person, event_id, at, text in rows.itertuples(index=False, name=None):
        event = msgspec.json.decode(text)
        event |= {"occurred_at": at, "lines": event.get("payload", {}).get("lines")}
        if (one := memory.kept(event_id, event, membership.rules, items)) is not None:
            news.setdefault(person, []).append(one)
    return news

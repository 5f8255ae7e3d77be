"""How what is published looks in Redis, and how it gets there: from Spark's executors, a version beside the other."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from redis import Redis

from jobs.redis_store.client import connect, seconds_to_live
from jobs.redis_store.faults import RedisFault, redis_faults
from jobs.redis_store.identities import update_identities
from jobs.redis_store.keys import Keys
from jobs.redis_store.reading import script
from jobs.settings.redis_settings import RedisSettings


class Word(NamedTuple):
    """A statement. `id`: the identifier under which it was made, as a person of its own. `kind`: of KINDS; `at`,
    `arrived`: when it was said and taken, in microseconds."""

    id: str
    purpose: str
    kind: str
    at: int
    arrived: int


KINDS = {("person", False): "pd", ("person", True): "pg", ("client", False): "cd", ("client", True): "cg"}


def as_lists(recommendations: DataFrame) -> DataFrame:
    """One row per person: `name` of the key in its version, and `value`: the slots as JSON, lists of
    [item, reason, name of a value of the reason, the value, ...]."""
    slots = recommendations.groupBy("person_id", "slot").agg(_ranked().alias("items"))
    lists = F.to_json(F.map_from_entries(F.array_sort(F.collect_list(F.struct("slot", "items")))))
    name = F.concat(F.lit("person:"), "person_id").alias("name")
    return slots.groupBy("person_id").agg(lists.alias("value")).select(name, "value")


def as_fallback_lists(fallbacks: DataFrame) -> DataFrame:
    """One row per segment: `name` of the key in its version, and `value`."""
    explained = fallbacks.withColumns(
        {"reason": F.lit("popular"), "reason_values": F.create_map().cast("map<string, string>")}
    )
    popular = explained.groupBy("segment_id").agg(_ranked().alias("popular"))
    name = F.concat(F.lit("segment:"), "segment_id").alias("name")
    return popular.select(name, F.to_json(F.struct("popular")).alias("value"))


def _ranked() -> Column:
    """The entries of a group, best first."""
    values = F.transform(F.map_entries("reason_values"), lambda value: F.array(value["key"], value["value"]))
    entry = F.concat(F.array("item_id", "reason"), F.flatten(values))
    entries = F.array_sort(F.collect_list(F.struct("rank", entry.alias("entry"))))
    return F.transform(entries, lambda ranked: ranked["entry"])


def write(lists: DataFrame, version: str, settings: RedisSettings) -> tuple[int, int]:
    """Writes each row (name, value) into the version, from the executors. Returns how many, and their values' bytes.

    Raises RedisFault when Redis does not take one.
    """
    keys = Keys(settings.prefix)

    def put(client: Redis, frame: Any) -> int:
        pairs = list(zip(frame["name"], frame["value"], strict=True))
        for start in range(0, len(pairs), settings.batch):
            with client.pipeline(transaction=False) as pipeline:
                for name, value in pairs[start : start + settings.batch]:
                    pipeline.set(keys.of_version(version, name), value, ex=seconds_to_live(settings))
                pipeline.execute()
        return int(frame["value"].str.len().sum())

    return from_executors(lists, put, settings)


def from_executors(rows: DataFrame, put: Callable[[Redis, Any], int], settings: RedisSettings) -> tuple[int, int]:
    """Hands the rows, a Pandas frame at a time, to `put`, which says how much it wrote. Returns rows and their sum.

    What keeps Redis from it comes back as a value and is raised here, as RedisFault: an exception of an executor's
    would be Spark's, with its traceback for a text, and Spark would print it besides. The first fault of a partition
    ends its writing.
    """

    def written(frames: Iterator[Any]) -> Iterator[Any]:
        import pandas as pd

        client, fault = connect(settings), None
        for frame in frames:
            size = 0
            if fault is None:
                try:
                    with redis_faults(settings):
                        size = put(client, frame)
                except RedisFault as error:
                    fault = str(error)
            yield pd.DataFrame({"rows": [0 if fault else len(frame)], "size": [size], "fault": [fault]})

    told = rows.mapInPandas(written, "rows long, size long, fault string").collect()
    for row in told:
        if row["fault"] is not None:
            raise RedisFault(row["fault"])
    return sum(row["rows"] for row in told), sum(row["size"] for row in told)


def write_items(client: Redis, settings: RedisSettings, version: str, labels: dict[str, str]) -> None:
    """`labels`: item -> name and price as JSON."""
    key, items = Keys(settings.prefix).of_version(version, "items"), list(labels.items())
    for start in range(0, len(items), settings.batch):
        client.hset(key, mapping=dict(items[start : start + settings.batch]))
    client.expire(key, seconds_to_live(settings))


def write_manifest(client: Redis, settings: RedisSettings, version: str, manifest: dict[str, Any]) -> None:
    key = Keys(settings.prefix).of_version(version, "manifest")
    client.set(key, json.dumps(manifest), ex=seconds_to_live(settings))


def flip(client: Redis, settings: RedisSettings, version: str) -> None:
    """Makes `version` the one that pages read; the one before stays for a rollback."""
    keys = Keys(settings.prefix)
    before: Any = client.get(keys.current)
    with client.pipeline(transaction=True) as pipeline:
        if before and before != version:
            pipeline.set(keys.previous, before)
        pipeline.set(keys.current, version)
        pipeline.execute()


def withhold(client: Redis, settings: RedisSettings, version: str) -> int:
    """Deletes the version's lists of persons who are suppressed. Returns how many there were."""
    keys, gone, cursor = Keys(settings.prefix), 0, -1
    while cursor != 0:
        answer: Any = client.sscan(keys.suppressed, max(cursor, 0), count=settings.batch)
        cursor, people = answer
        with client.pipeline(transaction=False) as pipeline:
            for person in people:
                pipeline.smembers(keys.members(person))
            names = {*people}.union(*pipeline.execute())
        lists = [keys.of_version(version, f"person:{name}") for name in names]
        gone += int(client.unlink(*lists)) if lists else 0
    return gone


def update_consents(client: Redis, settings: RedisSettings, words: Sequence[Word]) -> None:
    """Takes up what was said, in any order, also more than once."""
    keys = Keys(settings.prefix)
    for start in range(0, len(words), settings.batch):
        parts = [part for word in words[start : start + settings.batch] for part in word]
        client.eval(script("people") + script("consent"), 1, keys.current, keys.tag, *parts)


def write_aliases(aliases: DataFrame, settings: RedisSettings) -> int:
    """Rows (own_person_id, person_id), from the executors. Returns how many; raises RedisFault."""

    def put(client: Redis, rows: Any) -> int:
        pairs = [*rows.itertuples(index=False, name=None)]
        update_identities(client, settings, pairs)
        return len(pairs)

    return from_executors(aliases.select("own_person_id", "person_id"), put, settings)[0]

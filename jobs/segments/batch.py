"""Who is in which segment at one instant: the rules evaluated over tables, in one scan of the events for all of them.

Spark brings each person's events together, in order, with the columns alone that a rule looks at; evaluation.py says
what they come to, person by person, in Arrow batches.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_

import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from jobs.segment_rules.entries import Items
from jobs.segment_rules.person import SESSION_AT_MOST, Person
from jobs.segment_rules.tracks import Rules
from jobs.segment_rules.vocabulary import LINE, PAYLOAD
from jobs.segments.columns import evaluated
from jobs.segments.streams import ATTRIBUTES, OTHER, columns_read, furthest_of

EVALUATED = "person_id string, segment_ids array<string>, until timestamp"


def memberships(events: DataFrame, items: DataFrame, attributes: DataFrame, rules: Rules, as_of: datetime) -> DataFrame:
    """One row per person who is in a segment at `as_of`, or may be later though nothing happens: `segment_ids`, and
    `until`, the first instant at which one of the rules may say otherwise; null: never without an event.

    `events`: rows of silver.events with person_id, in whatever order and however late they came. `items`: of
    silver.items. `attributes`: person_id and a map; of several rows of one person the largest value of each. The last
    two are read only where a rule asks for them; the items are then held by the driver and each executor.
    """
    rows = _projected(events, rules, as_of)
    said = [part for name in rules.attributes for part in (F.lit(name), F.max(F.col("attributes")[name]))]
    each = attributes.where("attributes IS NOT NULL").groupBy("person_id")
    known = each.agg(F.create_map(*said).cast("map<string, string>").alias("attributes"))
    if rules.of_attributes or _may_hold_of_anybody(rules, as_of):
        # A customer who never came is somebody, too, where a rule asks what is known of people.
        how = "full" if rules.of_attributes else "left"
        people = events.select("person_id").distinct().join(known, on="person_id", how=how)
        of_people = people if rules.of_attributes else people.withColumn("attributes", F.lit(None))
        rows = rows.unionByName(_as_rows(of_people), allowMissingColumns=True)
    catalogue = _catalogue(items) if rules.of_items else None
    of_persons = rows.repartition("person_id").sortWithinPartitions("person_id", "at")
    return of_persons.mapInArrow(_evaluator(rules, catalogue, microseconds(as_of)), EVALUATED)


def microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _may_hold_of_anybody(rules: Rules, as_of: datetime) -> bool:
    """Whether one is true of a person of whom nothing is known: of such no event need be read."""
    return any(bool(evaluator(Person({}), microseconds(as_of))[0]) for evaluator in rules.evaluators.values())


def _as_rows(people: DataFrame) -> DataFrame:
    return people.select(
        "person_id",
        F.lit(0).cast("bigint").alias("at"),
        F.lit(ATTRIBUTES).cast("tinyint").alias("code"),
        F.col("attributes").cast("map<string, string>").alias("attributes"),
    )


def _projected(events: DataFrame, rules: Rules, as_of: datetime) -> DataFrame:
    """Of the events that are not too long ago for any rule: person_id, `at` in microseconds, `code` (the place of the
    type among those that are looked at, OTHER for those of which only the instant counts), and the fields."""
    types = [*rules.selections]
    code = F.lit(OTHER)
    for number, event_type in enumerate(types):
        code = F.when(F.col("event_type") == event_type, number).otherwise(code)
    columns = [_column(events, *read).alias(name) for name, read in columns_read(rules).items()]
    return events.where(_counts(rules, as_of)).select(
        "person_id",
        F.unix_micros("occurred_at").alias("at"),
        code.cast("tinyint").alias("code"),
        *columns,
    )


def _counts(rules: Rules, as_of: datetime) -> Column:
    """Which events can make a difference, now or later: those to come are among them."""
    conditions = [F.col("occurred_at") > F.lit(as_of - _as_time(SESSION_AT_MOST))] if rules.of_sessions else []
    for event_type, selections in rules.selections.items():
        reaches = [rules.reach[one.track] for one in selections]
        condition = F.col("event_type") == event_type
        if (furthest := furthest_of(reaches)) is not None:
            condition &= F.col("occurred_at") > F.lit(as_of - _as_time(furthest))
        conditions.append(condition)
    return reduce(or_, conditions, F.lit(False))


def _column(events: DataFrame, place: str, name: str, types: Iterable[str]) -> Column:
    """A field of the events of some types; of lines an array with one of each. An event about one item is its own line.
    What no event in the lake has had yet is null."""
    payload = events.schema[PAYLOAD].dataType
    assert isinstance(payload, T.StructType)
    if place == LINE:
        lines = payload["lines"].dataType
        assert isinstance(lines, T.ArrayType) and isinstance(lines.elementType, T.StructType)
        of_lines = [F.col(PAYLOAD)["lines"][name]] if name in lines.elementType.names else []
        own = [F.array(F.col(PAYLOAD)[name])] if name in payload.names else []
        value = F.coalesce(*of_lines, *own) if of_lines or own else F.lit(None)
    else:
        holder = events.schema[place].dataType
        assert isinstance(holder, T.StructType)
        value = F.col(place)[name] if name in holder.names else F.lit(None)
    return F.when(F.col("event_type").isin(*types), value)


def _as_time(length: int) -> timedelta:
    return timedelta(microseconds=length)


def _catalogue(items: DataFrame) -> "Broadcast[Items]":
    rows = items.select("item_id", "categories", "brand").toLocalIterator()
    known: Items = {row["item_id"]: (row["categories"], row["brand"]) for row in rows}
    return items.sparkSession.sparkContext.broadcast(known)


def _evaluator(
    rules: Rules, catalogue: "Broadcast[Items] | None", now: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def evaluator(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return evaluated(batches, rules, {} if catalogue is None else catalogue.value, now)

    return evaluator

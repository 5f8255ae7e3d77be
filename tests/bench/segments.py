"""segments_batch: 20 of the rules that ship over 1.5 million events, beside 20 SQL statements that say the same by
hand; and for one person in a hundred."""

import random
import tomllib
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from expectations.schemas import TABLES
from jobs.lake.lake import Lake
from jobs.segment_rules.definitions import segments_of
from jobs.segment_rules.tracks import Rules, rules_of
from jobs.segment_rules.vocabulary import Vocabulary, event_fields
from jobs.segments.batch import memberships
from tests.bench.clock import result, seconds
from tests.bench.segments_by_hand import STATEMENTS

EVENTS, PEOPLE, DAYS = 1_500_000, 50_000, 365
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUNS = 3
OF_TYPES = (
    *(("page_view", 25), ("product_view", 40), ("search", 10), ("add_to_cart", 9), ("purchase", 9)),
    *(("add_to_wishlist", 2), ("coupon_redeemed", 1), ("rating", 2), ("return", 1), ("recommendation_clicked", 1)),
)
"""So many of a hundred."""


def case(lake: Lake) -> dict[str, Any]:
    spark, folder = lake.spark, f"{lake.settings.home}/segments-events"
    _events(lake).write.parquet(folder)
    events = spark.read.parquet(folder)
    events.createOrReplaceTempView("events")
    one_in_a_hundred = events.where("pmod(hash(person_id), 100) = 0").select("person_id").distinct()
    few = spark.createDataFrame(one_in_a_hundred.toArrow())
    of_few = events.join(F.broadcast(few), on="person_id", how="left_semi")
    rules = _rules()
    sizes = {name: spark.sql(statement).count() for name, statement in STATEMENTS.items()}
    evaluated = _memberships(lake, events, rules).select(F.explode("segment_ids").alias("id")).groupBy("id").count()
    own = {row["id"]: row["count"] for row in evaluated.collect()}
    assert {name: own.get(name, 0) for name in sizes} == sizes, "both say the same"
    taken: dict[str, list[float]] = {"all": [], "few": [], "by hand": []}
    for turn in range(RUNS + 1):
        for name, work in (
            ("all", partial(_write, _memberships(lake, events, rules))),
            ("few", partial(_write, _memberships(lake, of_few, rules))),
            ("by hand", partial(_by_hand, lake)),
        ):
            took = seconds(work)
            taken[name] += [took] if turn > 0 else []
    of = {name: median(times) for name, times in taken.items()}
    return result(
        of["all"],
        f"s for {len(STATEMENTS)} rules over {EVENTS:,} events of {PEOPLE:,} people",
        f"s for {len(STATEMENTS)} SQL statements that say the same",
        of["by hand"],
        EVENTS,
        few=round(of["few"], 2),
        few_ratio=round(of["few"] / of["all"], 3),
        sizes=sizes,
    )


def _rules() -> Rules:
    fields = event_fields(committed_contract())
    with open("conf/segments.toml", "rb") as file:
        known = segments_of(tomllib.load(file), Vocabulary(fields))
    return rules_of([known[name] for name in STATEMENTS], known, fields)


def _memberships(lake: Lake, events: DataFrame, rules: Rules) -> DataFrame:
    items = lake.spark.createDataFrame([], "item_id string, categories array<string>, brand string")
    attributes = lake.spark.createDataFrame([], "person_id string, attributes map<string, string>")
    return memberships(events, items, attributes, rules, NOW)


def _by_hand(lake: Lake) -> None:
    for statement in STATEMENTS.values():
        _write(lake.spark.sql(statement))


def _write(frame: DataFrame) -> None:
    frame.write.format("noop").mode("overwrite").save()


def _events(lake: Lake) -> DataFrame:
    """Rows of silver.events with person_id: a year of events, some people busier than others."""
    draw = random.Random(7)
    of_hundred = [name for name, share in OF_TYPES for _ in range(share)]
    draw.shuffle(of_hundred)
    types = TABLES["silver.events"].types
    names = F.array(*[F.lit(name) for name in of_hundred])
    # One event in fifty is of the last three hours, so that there are sessions.
    ago = F.when(F.rand(8) < 0.02, 3 * 3_600).otherwise(DAYS * 86_400)
    rows = lake.spark.range(0, EVENTS, 1, 8).select(
        F.concat(F.lit("u"), F.floor(F.pow(F.rand(1), 2) * PEOPLE).cast("string")).alias("person_id"),
        names[F.floor(F.rand(2) * 100).cast("int")].alias("event_type"),
        (F.lit(NOW) - F.make_dt_interval(secs=F.rand(3) * ago)).alias("occurred_at"),
        F.expr("element_at(array('mobile', 'app', 'desktop', 'tablet'), int(rand(4) * 4) + 1)").alias("device"),
        F.concat(F.lit("item-"), F.floor(F.rand(5) * 5_000).cast("string")).alias("item_id"),
        F.round(F.rand(6) * 80, 2).alias("amount"),
        F.floor(F.rand(7) * 10).alias("number"),
    )
    lines = "array(named_struct('item_id', item_id, 'amount', amount), named_struct('item_id', 'i', 'amount', 9.5D))"
    payload = rows.select(
        "*",
        F.expr(f"IF(event_type IN ('purchase', 'return'), {lines}, NULL)").alias("lines"),
        F.expr("IF(event_type IN ('purchase', 'return', 'search', 'page_view'), NULL, item_id)").alias("own_item"),
        F.expr("IF(event_type = 'search', number, NULL)").alias("results"),
        F.expr("IF(event_type = 'rating', (number + 1) / 2D, NULL)").alias("stars"),
    )
    parts = (
        "named_struct('device_type', device)",
        ("named_struct('item_id', own_item, 'lines', lines, 'results', results, 'stars', stars)"),
    )
    of_json = [
        F.from_json(F.to_json(F.expr(part)), types[name])
        for part, name in zip(parts, ("context", "payload"), strict=True)
    ]
    return payload.select(
        "person_id", "event_type", "occurred_at", of_json[0].alias("context"), of_json[1].alias("payload")
    )

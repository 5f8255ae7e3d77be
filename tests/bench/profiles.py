"""profiles_incremental: gold.profiles after one person in a hundred did something, and after nobody did, beside making
all profiles anew."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.gold import profiles
from jobs.job import Options
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.silver.interactions import as_interactions
from jobs.silver.people import as_people
from tests.bench.clock import result, seconds
from tests.other_lake import rooted

EVENTS, PEOPLE, ITEMS, DAYS = 1_000_000, 50_000, 5_000, 365
TOUCHED, EVENTS_EACH = PEOPLE // 100, 3
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUNS = 3
OF_TYPES = (
    *(("page_view", 25), ("product_view", 41), ("search", 10), ("add_to_cart", 9), ("purchase", 9)),
    *(("add_to_wishlist", 2), ("rating", 2), ("return", 1), ("recommendation_clicked", 1)),
)
"""So many of a hundred."""


def case(lake: Lake) -> dict[str, Any]:
    own = rooted(lake, f"{lake.settings.home}/profiles")
    _fill(own)
    taken: dict[str, list[float]] = {"all": [], "few": [], "none": []}
    profiles.main(own, Options(NOW))
    for turn in range(RUNS + 1):  # the first warms the JVM
        now = NOW + timedelta(hours=turn + 1)
        _touch(own, turn, now)
        took = {"few": seconds(partial(profiles.main, own, Options(now)))}
        took["none"] = seconds(partial(profiles.main, own, Options(now + timedelta(minutes=1))))
        again = _without_profiles(own)
        took["all"] = seconds(partial(profiles.main, again, Options(now)))
        for name, value in took.items():
            taken[name] += [value] if turn > 0 else []
        _require_same(own, again)
    of = {name: median(times) for name, times in taken.items()}
    return result(
        of["few"],
        f"s for {TOUCHED:,} of {PEOPLE:,} people with {EVENTS:,} events",
        "s for all of them",
        of["all"],
        RUNS,
        none=round(of["none"], 2),
        none_ratio=round(of["none"] / of["all"], 3),
    )


def _without_profiles(lake: Lake) -> Lake:
    other = rooted(lake, f"{lake.root}-again")
    shutil.rmtree(other.root, ignore_errors=True)
    shutil.copytree(lake.root, other.root, ignore=shutil.ignore_patterns("profiles", "profile_history"))
    return other


def _require_same(lake: Lake, other: Lake) -> None:
    maps = [name for name, type_ in TABLES["gold.profiles"].types.items() if type_.startswith("map<")]
    one, two = (
        tables.read(each, "gold.profiles").drop("valid_from").withColumns({name: F.map_entries(name) for name in maps})
        for each in (lake, other)
    )
    assert one.exceptAll(two).isEmpty() and two.exceptAll(one).isEmpty(), "both come to the same"


def _fill(lake: Lake) -> None:
    """A year of events, some people busier than others; one in ten of the events is of a browser whose owner logged in
    at some time."""
    spark = lake.spark
    items = spark.range(ITEMS).select(
        F.concat(F.lit("item-"), "id").alias("item_id"),
        F.array(F.concat(F.lit("Category "), F.col("id") % 12)).alias("categories"),
        F.concat(F.lit("Brand "), F.col("id") % 200).alias("brand"),
    )
    _write(lake, "silver.items", items)
    people = spark.range(PEOPLE).select(F.concat(F.lit("u"), "id").alias("user_id"))
    consents = people.select(
        "user_id",
        F.concat(F.lit("c-"), "user_id").alias("event_id"),
        F.lit("personalisation").alias("purpose"),
        F.lit(True).alias("is_granted"),
        F.lit("person").alias("said_by"),
        *[F.lit(NOW - timedelta(days=DAYS)).alias(name) for name in ("valid_from", "recorded_at")],
    )
    _write(lake, "silver.consents", consents)
    browsers = people.where("pmod(hash(user_id), 10) = 0").select(
        F.lit("anonymous_id").alias("identifier_type"),
        F.concat(F.lit("b-"), "user_id").alias("identifier"),
        F.col("user_id").alias("person_id"),
        F.lit(NOW - timedelta(days=DAYS)).alias("valid_from"),
    )
    _write(lake, "silver.identities", browsers)
    tables.create(lake, "gold.segments")
    draw = F.pow(F.rand(1), 2) * PEOPLE
    _land(lake, _events(spark.range(0, EVENTS, 1, 8), draw, NOW - timedelta(days=DAYS), DAYS * 86_400, "e"))


def _touch(lake: Lake, turn: int, now: datetime) -> None:
    """Some people, others each time, do something in the hour before; one in ten of them says again that they agree."""
    first = turn * TOUCHED
    numbers = lake.spark.range(0, TOUCHED * EVENTS_EACH, 1, 1)
    _land(lake, _events(numbers, F.col("id") % TOUCHED + first, now - timedelta(hours=1), 3_600, f"t{turn}"))
    said = tables.read(lake, "silver.consents").limit(TOUCHED // 10)
    again = said.withColumn("valid_from", F.lit(now - timedelta(hours=1)))
    tables.append(lake, "silver.consents", again.localCheckpoint())


def _land(lake: Lake, events: DataFrame) -> None:
    _write(lake, "silver.events", events)
    ids = events.select("event_id")
    landed = tables.read(lake, "silver.events").join(ids, on="event_id", how="left_semi")
    tables.append(lake, "silver.interactions", as_interactions(landed))
    crm = tables.read(lake, "silver.consents").where("pmod(hash(user_id), 3) = 0").select("user_id").distinct()
    ages = F.array(*[F.lit(age) for age in ("19-24", "25-34", "35-44", "45-54")])
    age = F.element_at(ages, (F.pmod(F.hash("user_id"), F.lit(4)) + 1).cast("int"))
    customers = crm.select("user_id", F.create_map(F.lit("age"), age).alias("attributes"))
    customers = customers.withColumns({name: F.lit(None).cast("string") for name in ("postcode", "city")})
    tables.overwrite(lake, "silver.people", as_people(tables.read(lake, "silver.events"), customers))


def _events(numbers: DataFrame, person: Any, since: datetime, span: int, prefix: str) -> DataFrame:
    draw = random.Random(7)
    of_hundred = [name for name, share in OF_TYPES for _ in range(share)]
    draw.shuffle(of_hundred)
    types = TABLES["silver.events"].types
    rows = numbers.select(
        F.concat(F.lit(f"{prefix}-"), F.col("id")).alias("event_id"),
        F.concat(F.lit("u"), F.floor(person).cast("string")).alias("user"),
        F.array(*[F.lit(name) for name in of_hundred])[F.floor(F.rand(2) * 100).cast("int")].alias("event_type"),
        (F.lit(since) + F.make_dt_interval(secs=F.rand(3) * span)).alias("occurred_at"),
        F.expr("element_at(array('mobile', 'app', 'desktop', 'tablet'), int(rand(4) * 4) + 1)").alias("device_type"),
        F.expr("element_at(array('PL', 'PL', 'DE'), int(rand(9) * 3) + 1)").alias("country"),
        F.concat(F.lit("item-"), F.floor(F.rand(5) * ITEMS).cast("string")).alias("item_id"),
        F.round(F.rand(6) * 80, 2).alias("amount"),
        (F.rand(7) < 0.1).alias("is_browser"),
    )
    lines = "array(named_struct('item_id', item_id, 'quantity', 1D, 'amount', amount, 'discount', amount / 10))"
    is_order = "event_type IN ('purchase', 'return')"
    payload = rows.select(
        "*",
        F.expr(f"IF({is_order}, {lines}, NULL)").alias("lines"),
        F.expr(f"IF({is_order} OR event_type IN ('search', 'page_view'), NULL, item_id)").alias("own_item"),
        F.expr(f"IF({is_order}, concat('o-', event_id), NULL)").alias("order_id"),
        F.expr("IF(event_type = 'rating', 4D, NULL)").alias("stars"),
        F.expr("is_browser AND pmod(hash(user), 10) = 0").alias("is_of_browser"),
    )
    parts = {
        "context": "named_struct('device_type', device_type, 'country', country)",
        "payload": "named_struct('item_id', own_item, 'lines', lines, 'order_id', order_id, 'stars', stars)",
    }
    of_json = [F.from_json(F.to_json(F.expr(text)), types[name]).alias(name) for name, text in parts.items()]
    return payload.select(
        "event_id",
        "event_type",
        "occurred_at",
        F.expr("IF(is_of_browser, NULL, user)").alias("user_id"),
        F.expr("IF(is_of_browser, concat('b-', user), NULL)").alias("anonymous_id"),
        *of_json,
    )


def _write(lake: Lake, name: str, rows: DataFrame) -> None:
    lacking = {
        column: F.lit(None).cast(type_) for column, type_ in TABLES[name].types.items() if column not in rows.columns
    }
    tables.append(lake, name, rows.withColumns(lacking))

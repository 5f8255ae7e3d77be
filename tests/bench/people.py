"""identity: a million random links to people, beside scipy's connected components of the same; and a thousand more."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.identity_history import take_up
from jobs.people.resolution import ends_of
from jobs.people.sightings import IDENTIFIER
from tests.bench.clock import result, seconds
from tests.other_lake import rooted

MILLION = 1_000_000
USERS, VISITORS = MILLION, 1_500_000
"""So many that people have a few links each; half as many hang nearly all together, and every link is a question."""

BATCH = 1_000


def case(lake: Lake) -> dict[str, Any]:
    spark, home = lake.spark, lake.settings.home
    for name, n, seed, users, visitors in (
        ("links", MILLION, 1, USERS, VISITORS),
        ("tangled", MILLION, 2, USERS // 2, VISITORS // 2),
        ("warm", 10_000, 3, USERS, VISITORS),
        ("batch", BATCH, 4, USERS, VISITORS),
        ("second", BATCH, 5, USERS, VISITORS),
    ):
        _links(spark, n, seed, users, visitors).write.parquet(f"{home}/{name}")
    own, tangled, warm = (rooted(lake, f"{home}/{name}-lake") for name in ("links", "tangled", "warm"))
    for name, its in (("warm", warm), ("batch", warm), ("second", warm)):
        _take_up(its, f"{home}/{name}")
        _by_scipy(spark, f"{home}/{name}", f"{home}/{name}-labels")
    took = seconds(partial(_take_up, own, f"{home}/links"))
    by_scipy = seconds(partial(_by_scipy, spark, f"{home}/links", f"{home}/labels"))
    of_tangled = seconds(partial(_take_up, tangled, f"{home}/tangled"))
    batches = [seconds(partial(_take_up, own, f"{home}/{name}")) for name in ("batch", "second")]
    people = tables.read(own, "silver.identities").where("valid_to IS NULL")
    return result(
        round(took, 2),
        f"s for {MILLION:,} links",
        "s for scipy's connected_components of them, read from and written to Delta",
        round(by_scipy, 2),
        MILLION,
        identifiers=people.count(),
        people=people.select("person_id").distinct().count(),
        tangled=round(of_tangled, 2),
        batch=[round(one, 2) for one in batches],
        batch_ratio=round(min(batches) / took, 3),
    )


def _links(spark: SparkSession, n: int, seed: int, users: int, visitors: int) -> DataFrame:
    """Random links between users and visitors, none twice, received one second after the other."""
    left, right = (F.floor(F.rand(seed * 10 + one) * size).cast("string") for one, size in enumerate((users, visitors)))
    rows = spark.range(0, n, 1, 4).select(
        F.lit("user_id").alias("left_type"),
        left.alias("left_identifier"),
        F.lit("anonymous_id").alias("right_type"),
        F.concat(F.lit("a"), right).alias("right_identifier"),
        F.timestamp_seconds(F.col("id") + 1_500_000_000 + seed).alias("received_at"),
    )
    pair = ("left_type", "left_identifier", "right_type", "right_identifier")
    first = rows.groupBy(*pair).agg(F.min("received_at").alias("received_at"))
    return first.select(
        *pair,
        F.lit("events").alias("source"),
        F.lit(True).alias("is_standing"),
        "received_at",
        F.lit("e").alias("event_id"),
        F.lit("login").alias("cause"),
        F.lit(None).cast("double").alias("probability"),
    )


def _take_up(lake: Lake, folder: str) -> None:
    links = lake.spark.read.parquet(folder)
    seen = ends_of(links, "received_at").groupBy(*IDENTIFIER).agg(F.min("received_at").alias("received_at"))
    take_up(lake, lake.settings.identity, seen, links)


def _by_scipy(spark: SparkSession, folder: str, target: str) -> None:
    """Who hangs together, without limits, history, or a word on why."""
    links = spark.read.parquet(folder).select("left_identifier", "right_identifier").toPandas()
    numbers, names = pd.factorize(pd.concat([links["left_identifier"], links["right_identifier"]]))
    left, right = numbers[: len(links)], numbers[len(links) :]
    graph = coo_array((np.ones(len(links), dtype=np.int8), (left, right)), shape=(len(names), len(names)))
    labels = connected_components(graph, directed=False)[1]
    answer = pd.DataFrame({"identifier": names, "component": labels})
    spark.createDataFrame(answer).write.format("delta").mode("overwrite").save(target)

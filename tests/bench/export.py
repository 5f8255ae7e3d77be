"""export: lists of 50 items from gold to Redis, against redis-benchmark's pipelined SET of the same size."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from jobs.lake.lake import Lake
from jobs.local.setup import steps
from jobs.redis_store import writing
from jobs.redis_store.client import connect
from tests.bench.clock import result, seconds

PEOPLE, AGAIN, DISCOVER = 100_000, 20, 30


def require_yardstick(project: Path) -> None:
    """Exits with one line when redis-benchmark is not there and cannot be installed."""
    if shutil.which("redis-benchmark") is None:
        print("installing redis-tools: redis-benchmark is the yardstick of export", end="", flush=True)
        installed = steps.can_apt_install() and steps.apt_install("redis-tools", project / ".jars" / "apt.log", project)
        print(flush=True)
        if not installed:
            sys.exit("error: redis-benchmark is not on the PATH: sudo apt-get install redis-tools")


def case(lake: Lake) -> dict[str, Any]:
    spark, settings = lake.spark, lake.settings
    ranks = F.explode(F.sequence(F.lit(1), F.lit(AGAIN + DISCOVER))).alias("place")
    recommended = spark.range(PEOPLE, numPartitions=4).select(F.col("id").cast("string").alias("person_id"), ranks)
    recommended = recommended.select(
        "person_id",
        F.when(F.col("place") <= AGAIN, "again").otherwise("discover").alias("slot"),
        F.col("place").alias("rank"),
        F.when(F.col("place") <= AGAIN, "bought 12 times").otherwise("similar shoppers").alias("reason"),
        (F.abs(F.hash("person_id", "place")) % 90_000 + 900_000).cast("string").alias("item_id"),
    ).persist()
    recommended.count()
    client = connect(settings.redis)
    writing.write(writing.as_lists(recommended.where("hash(person_id) % 100 = 0")), "warm", settings.redis)
    client.flushdb()
    before = int(client.info("memory")["used_memory"])
    sizes: list[int] = []
    whole = seconds(lambda: sizes.append(writing.write(writing.as_lists(recommended), "bench:1", settings.redis)[1]))
    bytes_each = (int(client.info("memory")["used_memory"]) - before) / PEOPLE
    value_bytes = round(sizes[0] / PEOPLE)
    client.flushdb()
    benchmark = subprocess.run(
        [
            "redis-benchmark",
            "-p",
            str(settings.local.redis_port),
            "-t",
            "set",
            "-n",
            str(PEOPLE),
            "-r",
            str(PEOPLE),
            "-d",
            str(value_bytes),
            "-P",
            "1000",
            "-c",
            "4",
            "--csv",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    yardstick = float(benchmark.stdout.splitlines()[-1].split(",")[1].strip('"'))
    client.flushdb()
    recommended.unpersist()
    return result(
        PEOPLE / whole,
        "people/s",
        "redis-benchmark, pipelined SET of the same size",
        yardstick,
        PEOPLE,
        bytes_per_person=round(bytes_each),
        value_bytes=value_bytes,
        items_each=AGAIN + DISCOVER,
    )

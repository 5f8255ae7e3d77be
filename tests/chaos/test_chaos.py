"""The short form of `make chaos`: one kill between two tables, a second writer, and a comparison that sees a loss."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from pyspark.sql import SparkSession

from jobs.lake import tables
from jobs.local import services
from jobs.settings.loading import Settings
from tests.chaos import __main__ as chaos
from tests.chaos.world import World
from tests.conftest import SHORT_LIVED_JVM


@pytest.fixture
def world(lake: SparkSession, local_services: Settings, environment: dict[str, str], tmp_path: Path) -> Iterator[World]:
    root = str(lake.conf.get(tables.ROOT))
    kafka = local_services.kafka.model_copy(update={"topic": "chaos", "partitions": 2})
    settings = local_services.model_copy(
        update={"kafka": kafka, "lake": local_services.lake.model_copy(update={"root": root})}
    )
    services.ensure_topic(settings)
    variables = {
        "LAKEHOUSE_KAFKA__TOPIC": "chaos",
        "LAKEHOUSE_LAKE__ROOT": root,
        "LAKEHOUSE_SPARK__DRIVER_MEMORY": "1g",
    }
    made = World(settings, {**environment, **variables, **SHORT_LIVED_JVM}, lake, str(tmp_path / "calm"), Random(7))
    made.send(200)
    yield made
    made.end()


def test_killed_and_still_right(world: World) -> None:
    chaos.at_each_point(world, 1, ("between silver and quarantine",))
    chaos.the_job_is_started_twice(world)
    assert sum(world.found.kills.values()) == 1
    assert (world.found.lost, world.found.doubled, world.found.differences) == (0, 0, [])


def test_the_comparison_sees_what_is_lost_and_what_is_doubled(world: World) -> None:
    world.recover()
    root = f"{world.settings.lake.root}/silver/events"
    world.spark.sql(f"DELETE FROM delta.`{root}` WHERE event_id = 'e-0'")
    world.spark.read.format("delta").load(root).limit(1).write.format("delta").mode("append").save(root)
    world.check()
    assert (world.found.lost, world.found.doubled) == (1, 2)  # an id twice, and a row too many
    assert any("silver.events" in what for what in world.found.differences)


def test_the_long_form_kills_sixty_times() -> None:
    assert len(chaos.POINTS) * chaos.TIMES_AT_EACH_POINT + chaos.RANDOM_KILLS >= 60

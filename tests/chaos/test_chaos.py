"""The short form of `make chaos`: a comparison that sees a loss; in `make test-long` a kill between two tables, too."""

from collections.abc import Iterator
from random import Random

import pytest
from pyspark.sql import SparkSession

from jobs.lake import places
from jobs.lake.lake import Lake
from jobs.local import services
from jobs.settings.loading import Settings
from tests.chaos import __main__ as chaos
from tests.chaos.installation import Installation, Tally
from tests.conftest import SHORT_LIVED_JVM
from tests.other_lake import changed, rooted

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture(scope="module")
def installation(
    spark: SparkSession,
    local_services: Settings,
    environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    """Both tests go on from what is there: landing is what takes their time."""
    folder = tmp_path_factory.mktemp("chaos")
    lake = rooted(Lake(spark, local_services), folder / "lake")
    own = changed(lake, kafka={"topic": "chaos", "partitions": 2})
    services.ensure_topic(own.settings)
    variables = {
        "LAKEHOUSE_KAFKA__TOPIC": "chaos",
        "LAKEHOUSE_LAKE__ROOT": own.root,
        "LAKEHOUSE_SPARK__DRIVER_MEMORY": "1g",
    }
    variables = {**environment, **variables, **SHORT_LIVED_JVM}
    installation = Installation(own, variables, rooted(own, folder / "calm"), Random(7), starts_ahead=False)
    yield installation
    installation.end()


@pytest.mark.long
def test_killed_and_still_right(installation: Installation) -> None:
    chaos.at_each_point(installation, 1, ("between silver and quarantine",))
    chaos.the_job_is_started_twice(installation)
    assert sum(installation.tally.kills.values()) == 1
    assert (installation.tally.lost, installation.tally.doubled, installation.tally.differences) == (0, 0, [])


def test_the_comparison_sees_what_is_lost_and_what_is_doubled(installation: Installation) -> None:
    installation.send(20)
    installation.recover()
    installation.tally = Tally()
    root = places.table(installation.lake.root, "silver.events")
    installation.lake.spark.sql(f"DELETE FROM delta.`{root}` WHERE event_id = 'e-0'")
    installation.lake.spark.read.format("delta").load(root).limit(1).write.format("delta").mode("append").save(root)
    installation.check()
    assert (installation.tally.lost, installation.tally.doubled) == (1, 2)  # an id twice, and a row too many
    assert any("silver.events" in what for what in installation.tally.differences)


def test_the_long_form_kills_sixty_times() -> None:
    assert len(chaos.POINTS) * chaos.TIMES_AT_EACH_POINT + chaos.RANDOM_KILLS >= 60

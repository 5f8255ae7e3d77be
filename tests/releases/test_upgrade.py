"""A lake of the release before: it opens, says what it needs, is mended by that, and goes on where it was."""

import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs import job
from jobs.errors import OperatorError
from jobs.job_list import all_jobs, building, job_named
from jobs.lake import places, tables
from jobs.lake.lake import Lake
from jobs.ledger.reconcile import reconcile
from jobs.local import services
from tests.conftest import settings_under
from tests.events import event
from tests.other_lake import opened_by_name
from tests.releases import make

RELEASE = Path(__file__).with_name("2026-11-25.tar.gz")
REBUILT = ("silver.interactions", "silver.consents")
"""Tables whose columns are others now, and the streams that make them anew."""
OPTIONS = job.Options(job.moment("2018-01-02T00:00"))
"""A day after the release's last run: sources land forwards."""

# Every job runs once, on a machine that may be slow.
pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def old_lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """The lake as the release left it, and a topic with the same messages at the same offsets."""
    home = tmp_path_factory.mktemp("released")
    with tarfile.open(RELEASE) as archive:
        archive.extractall(home, filter="data")
    with pytest.MonkeyPatch.context() as patch:
        variables = make.environment(home)
        for name, value in variables.items():
            patch.setenv(name, value)
        lake = Lake(spark, settings_under(variables))
        services.up(lake.settings)
        try:
            services.ensure_topic(lake.settings)
            make.send(lake.settings.kafka.bootstrap, json.loads((home / "messages.json").read_text()))
            with opened_by_name(lake):
                yield lake
        finally:
            services.down(lake.settings)


def as_released(lake: Lake, name: str) -> DataFrame:
    return lake.spark.read.format("delta").load(places.table(lake.root, name))


def rows(frame: DataFrame, *columns: str) -> Counter[Any]:
    return Counter(tuple(row) for row in frame.select(*columns).collect())


def test_the_archive_is_small() -> None:
    assert RELEASE.stat().st_size < 1024 * 1024


def test_it_opens_is_mended_and_runs_on(old_lake: Lake) -> None:
    before = {name: as_released(old_lake, name) for name in REBUILT}
    of_lines = ("event_id", "item_id", "quantity", "amount", "discount", "occurred_at")
    lines, statements = (
        rows(before[REBUILT[0]], *of_lines),
        rows(before[REBUILT[1]], "event_id", "purpose", "is_granted"),
    )
    kept = as_released(old_lake, "silver.events").count()

    for name in REBUILT:  # what differs is refused, with the command that mends it
        with pytest.raises(OperatorError, match=f"made by another release.*lakehouse streams rebuild {name}"):
            job_named(name).main(old_lake, OPTIONS)
    for name in REBUILT:
        rebuild = job_named(name).rebuild
        assert rebuild is not None
        rebuild(old_lake)
    assert rows(tables.read(old_lake, REBUILT[0]), *of_lines) == lines
    assert rows(tables.read(old_lake, REBUILT[1]), "event_id", "purpose", "is_granted") <= statements

    bootstrap = old_lake.settings.kafka.bootstrap
    make.send(bootstrap, [[json.dumps(event("purchase", event_id="since", user_id="7"))], []])
    for one in [*building(), job_named("quality.gate")]:
        if "live" not in one.name:  # it reads Kafka into Redis, and no table
            one.main(old_lake, OPTIONS)
    assert tables.read(old_lake, "silver.events").count() == kept + 1
    assert tables.read(old_lake, "silver.interactions").where("event_id = 'since'").count() == 2  # items of its order
    assert reconcile(old_lake).differences == []
    for name in TABLES:
        if tables.exists(old_lake, name):
            assert tables.read(old_lake, name).columns == [*TABLES[name].names], name


def test_missing_columns_are_added_and_hold_nothing(old_lake: Lake) -> None:
    ledger = tables.read(old_lake, "ops.ledger")
    assert ledger.where(F.col("topic_id").isNull()).count() > 0
    assert {"lost", "topic_id"} <= {*as_released(old_lake, "ops.ledger").columns}


def test_every_table_of_another_release_can_be_mended() -> None:
    """What a table's columns are may change only where a command makes it anew of what others hold."""
    streams = {name for name, one in all_jobs().items() if one.rebuild is not None}
    for name, table in TABLES.items():
        if table.mended_by.endswith("rebuild"):
            assert name in streams
        elif table.mended_by:
            assert name in all_jobs()

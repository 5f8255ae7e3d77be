"""How far each stream is behind, read without Spark, beside what is really there."""

import json
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from jobs import job
from jobs.job_list import all_jobs, job_named
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.writer_lock import writer_lock
from jobs.local import services
from jobs.settings.loading import Settings
from jobs.supervision import lag
from jobs.supervision.lag import StreamStatus
from tests.events import event
from tests.other_lake import changed

pytestmark = pytest.mark.services
OPTIONS = job.Options(job.moment("2018-01-01"))
OF_THE_LAKE = ("bronze.events", "silver.events", "silver.interactions", "silver.consents")


@pytest.fixture
def own(local_services: Settings, lake: Lake) -> Iterator[Lake]:
    """The empty lake, with a topic of its own."""
    here = changed(lake, kafka={"topic": "lagging", "partitions": 2})
    services.ensure_topic(here.settings)
    yield here


def statuses(lake: Lake) -> dict[str, StreamStatus]:
    return {one.stream: one for one in lag.statuses(lake.settings, [*all_jobs().values()])}


def send(lake: Lake, first: int, count: int) -> None:
    producer = Producer({"bootstrap.servers": lake.settings.kafka.bootstrap})
    for number in range(first, first + count):
        message = json.dumps(event("purchase", event_id=f"e-{number}", user_id=str(number)))
        producer.produce(lake.settings.kafka.topic, message, partition=number % 2)
    assert producer.flush(30) == 0


def test_what_is_there_and_not_read_is_behind(own: Lake) -> None:
    send(own, 0, 5)
    assert {name: one.messages for name, one in statuses(own).items() if name == "bronze.events"} == {
        "bronze.events": 5
    }
    for name in OF_THE_LAKE:
        job_named(name).main(own, OPTIONS)
    after = statuses(own)
    assert {name: (after[name].messages, after[name].seconds) for name in OF_THE_LAKE} == dict.fromkeys(
        OF_THE_LAKE, (0, 0.0)
    )
    assert all(after[name].batch is not None and after[name].batch_at is not None for name in OF_THE_LAKE)
    send(own, 5, 7)
    assert statuses(own)["bronze.events"].messages == 7
    job_named("bronze.events").main(own, OPTIONS)
    behind = statuses(own)
    assert [behind[name].messages for name in OF_THE_LAKE] == [0, 7, 0, 0]
    assert 0 < (behind["silver.events"].seconds or 0) < 600
    job_named("silver.events").main(own, OPTIONS)
    assert [statuses(own)[name].messages for name in OF_THE_LAKE] == [0, 0, 7, 7]
    assert tables.read(own, "silver.events").count() == 12


def test_who_runs_is_told_by_the_lock(own: Lake) -> None:
    assert not any(one.runs for one in statuses(own).values())
    with writer_lock(own.root, "silver.events"):
        assert {name for name, one in statuses(own).items() if one.runs} == {"silver.events"}

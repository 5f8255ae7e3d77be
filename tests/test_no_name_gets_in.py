"""Over a thousand identifiers in every field, in broken messages and in words; afterwards none is on any disk."""

import gzip
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Producer

from jobs import job
from jobs.bronze import events as bronze_events
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.local import services
from jobs.quarantine.replay import replay
from jobs.quarantine.review import Choice
from jobs.redis_store.client import connect
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from jobs.silver import interactions
from tests.other_lake import changed
from tests.planting import MARKS, found_in, found_in_redis, planted

OPTIONS = job.Options(job.moment("2018-01-01"))
KEYS = (b"9", b"Jan@qx7ab9.example", b"+48 601 770 123", b"jan%40qx7ab9.example", b"\xff jan@qx7ab9.example")
# Not ours to make safe: what the broker keeps, and the files that the shop hands over.
BEFORE_THE_LAKE = ("kafka", "sources", "cache")


@pytest.fixture
def here(local_services: Settings, lake: Lake) -> Lake:
    """The empty lake, with a topic of its own."""
    own = changed(lake, kafka={"topic": "planted", "partitions": 2})
    services.ensure_topic(own.settings)
    return own


def test_no_name_gets_in(here: Lake, tmp_path: Path) -> None:
    messages = planted(Random(7))
    assert sum(len(MARKS.findall(message)) for message in messages) > 1_000
    producer = Producer({"bootstrap.servers": here.settings.kafka.bootstrap})
    for number, message in enumerate(messages):
        producer.produce(here.settings.kafka.topic, message, KEYS[number % len(KEYS)])
    assert producer.flush(60) == 0

    bronze_events.main(here, OPTIONS)
    silver_events.main(here, OPTIONS)
    interactions.main(here, OPTIONS)
    replay(here, Choice())
    assert tables.read(here, "bronze.events").count() == len(messages)
    assert tables.read(here, "silver.events").count() > 500
    assert tables.read(here, "quarantine.events").where("sealed_by IS NOT NULL").count() > 500

    assert found_in(tmp_path) == []
    assert found_in(here.settings.home, BEFORE_THE_LAKE) == []
    assert found_in_redis(connect(here.settings.redis)) == []


def test_the_search_finds_what_is_there(tmp_path: Path, local_services: Settings) -> None:
    (tmp_path / "raw").write_bytes(b'{"email":"jan@Qx7ab9.example"}')
    (tmp_path / "packed").write_bytes(gzip.compress(b"call +48 601 770 123"))
    pq.write_table(pa.table({"ip": [{"b": b"203.0.113.7"}]}), tmp_path / "parquet", compression="zstd")
    assert len(found_in(tmp_path)) >= 3
    assert {Path(place.split(":")[0]).name for place in found_in(tmp_path)} == {"raw", "packed", "parquet"}
    client = connect(local_services.redis)
    client.hset("planted", "person", "x" * 1_000 + "jan@qx7ab9.example")
    try:
        assert found_in_redis(client) == ["planted"]
    finally:
        client.delete("planted")

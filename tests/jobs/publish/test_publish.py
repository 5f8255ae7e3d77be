"""What Redis holds while and after a version is published."""

import json
from typing import Any

import pytest
from pyspark.sql import SparkSession
from redis import Redis

from jobs import job
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.publish import recommendations as publish
from jobs.serve import page
from tests.conftest import SmallLake


@pytest.fixture
def redis(small_lake: SmallLake) -> Any:
    """The small lake's Redis under a prefix of its own."""
    settings = small_lake.settings.redis.model_copy(update={"prefix": "test"})
    client: Redis = page.connect(settings)
    yield settings
    for key in client.scan_iter("test:*"):
        client.delete(key)


def run(small_lake: SmallLake, redis: Any) -> None:
    publish.main(small_lake.settings.model_copy(update={"redis": redis}), job.Options(small_lake.as_of))


def newest(spark: SparkSession) -> str:
    return str(tables.read(spark, "gold.recommendations").first()["version"])


def test_a_run_that_fails_its_check_is_invisible(
    small_lake: SmallLake, spark: SparkSession, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = page.connect(redis)
    client.set("test:current", "before")
    whole = publish.write

    def lossy(lists: Any, base: str, settings: Any) -> tuple[int, int]:
        written = whole(lists, base, settings)
        if base.startswith("test:") and "suffix" in lists.columns:
            client.delete(*[key for key in client.scan_iter(f"{base}:person:*")][:3])
        return written

    with monkeypatch.context() as broken:
        broken.setattr(publish, "write", lossy)
        with pytest.raises(OperatorError, match="read back differ; version not made current"):
            run(small_lake, redis)
    assert client.get("test:current") == "before"
    run(small_lake, redis)
    assert client.get("test:current") == newest(spark)
    assert client.get("test:previous") == "before"


def test_too_few_lists_are_refused(small_lake: SmallLake, redis: Any) -> None:
    with pytest.raises(OperatorError, match="60 people but 59 lists written"):
        publish.verify([], 60, "test:v", redis, 59)


def test_publishing_again_keeps_the_previous_pointer(small_lake: SmallLake, redis: Any) -> None:
    client = page.connect(redis)
    client.set("test:current", "before")
    run(small_lake, redis)
    run(small_lake, redis)
    assert client.get("test:previous") == "before"


def test_everything_of_a_version_expires(small_lake: SmallLake, redis: Any) -> None:
    run(small_lake, redis)
    client = page.connect(redis)
    version = client.get("test:current")
    keys = list(client.scan_iter(f"test:{version}:*"))
    assert len(keys) > 50
    assert all(0 < client.ttl(key) <= page.seconds_to_live(redis) for key in keys)
    manifest = json.loads(str(client.get(f"test:{version}:manifest")))
    assert manifest["people"] == len([key for key in keys if ":person:" in key])


def test_who_is_suppressed_is_not_published_and_not_shown(
    small_lake: SmallLake, spark: SparkSession, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """live.consents may be ahead of the lake: before the run, and between its check and its flip."""
    client = page.connect(redis)
    everyone = sorted(row["person_id"] for row in tables.read(spark, "gold.recommendations").distinct().collect())
    early, late, other = list(dict.fromkeys(everyone))[:3]
    client.sadd("test:suppressed", early)
    flip = page.flip

    def as_one_withdraws(*of: Any) -> None:
        client.sadd("test:suppressed", late)
        flip(*of)

    monkeypatch.setattr(page, "flip", as_one_withdraws)
    run(small_lake, redis)
    version = client.get("test:current")
    assert client.exists(*[f"test:{version}:person:{person}" for person in (early, late)]) == 0
    assert [page.recommended(redis, person, "persona-1").whose for person in (early, late, other)] == [
        "segment:everyone",
        "segment:everyone",
        f"person:{other}",
    ]
    manifest = json.loads(str(client.get(f"test:{version}:manifest")))
    assert manifest["people"] == len(set(everyone)) - 1

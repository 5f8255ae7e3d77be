"""What Redis holds while and after a version is published."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from redis import Redis

from jobs import job
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.publish import recommendations as publish
from jobs.redis_store import reading
from jobs.redis_store.client import connect, seconds_to_live
from jobs.redis_store.keys import Keys
from jobs.serve.recommended import recommended
from tests.conftest import SmallLake
from tests.other_lake import changed

KEYS = Keys("test")


@pytest.fixture
def redis(small_lake: SmallLake) -> Any:
    """The small lake's Redis under a prefix of its own."""
    settings = small_lake.settings.redis.model_copy(update={"prefix": "test"})
    client: Redis = connect(settings)
    yield settings
    for key in client.scan_iter("{test}:*"):
        client.delete(key)


def run(small_lake: SmallLake, redis: Any) -> None:
    publish.main(changed(small_lake.lake, redis={"prefix": redis.prefix}), job.Options(small_lake.as_of))


def newest(small_lake: SmallLake) -> str:
    return str(tables.read(small_lake.lake, "gold.recommendations").first()["version"])


def test_a_run_that_fails_its_check_is_invisible(
    small_lake: SmallLake, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(redis)
    client.set(KEYS.current, "before")
    whole = publish.write

    def lossy(lists: Any, version: str, settings: Any) -> tuple[int, int]:
        written = whole(lists, version, settings)
        if of_people := list(client.scan_iter(KEYS.of_version(version, "person:*"))):
            client.delete(*of_people[:3])
        return written

    with monkeypatch.context() as broken:
        broken.setattr(publish, "write", lossy)
        with pytest.raises(OperatorError, match="read back differ; version not made current"):
            run(small_lake, redis)
    assert client.get(KEYS.current) == "before"
    run(small_lake, redis)
    assert client.get(KEYS.current) == newest(small_lake)
    assert client.get(KEYS.previous) == "before"


def test_too_few_lists_are_refused(small_lake: SmallLake, redis: Any) -> None:
    with pytest.raises(OperatorError, match="60 people but 59 lists written"):
        publish.verify([], 60, "v", redis, 59)


def test_publishing_again_keeps_the_previous_pointer(small_lake: SmallLake, redis: Any) -> None:
    client = connect(redis)
    client.set(KEYS.current, "before")
    run(small_lake, redis)
    run(small_lake, redis)
    assert client.get(KEYS.previous) == "before"


def test_everything_of_a_version_expires(small_lake: SmallLake, redis: Any) -> None:
    run(small_lake, redis)
    client = connect(redis)
    version = client.get(KEYS.current)
    keys = list(client.scan_iter(KEYS.of_version(version, "*")))
    assert len(keys) > 50
    assert all(0 < client.ttl(key) <= seconds_to_live(redis) for key in keys)
    manifest = json.loads(str(client.get(KEYS.of_version(version, "manifest"))))
    assert manifest["people"] == len([key for key in keys if ":person:" in key])


def test_the_manifest_says_when_it_was_published_and_the_moment_it_looks_from(
    small_lake: SmallLake, redis: Any
) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    summer_time = timezone(timedelta(hours=2))
    settings = changed(small_lake.lake, redis={"prefix": redis.prefix})
    publish.main(settings, job.Options(small_lake.as_of.astimezone(summer_time)))
    client = connect(redis)
    said = reading.manifest(client, KEYS, str(client.get(KEYS.current)))
    assert said["as_of"] == small_lake.as_of.isoformat() and said["as_of"].endswith("+00:00")
    assert began <= datetime.fromisoformat(said["published_at"]) <= datetime.now(UTC)
    assert said["published_at"].endswith("+00:00")


def test_who_is_suppressed_is_not_published_and_not_shown(
    small_lake: SmallLake, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """live.consents may be ahead of the lake: before the run, and between its check and its flip."""
    client = connect(redis)
    lists = tables.read(small_lake.lake, "gold.recommendations")
    everyone = sorted(row["person_id"] for row in lists.select("person_id").distinct().collect())
    early, late, other = list(dict.fromkeys(everyone))[:3]
    client.sadd(KEYS.suppressed, early)
    flip = publish.flip

    def as_one_withdraws(*of: Any) -> None:
        client.sadd(KEYS.suppressed, late)
        flip(*of)

    monkeypatch.setattr(publish, "flip", as_one_withdraws)
    run(small_lake, redis)
    version = client.get(KEYS.current)
    assert client.exists(*[KEYS.of_version(version, f"person:{person}") for person in (early, late)]) == 0
    assert [recommended(redis, person, "persona-1").whose for person in (early, late, other)] == [
        "segment:everyone",
        "segment:everyone",
        f"person:{other}",
    ]
    manifest = json.loads(str(client.get(KEYS.of_version(version, "manifest"))))
    assert manifest["people"] == len(set(everyone)) - 1

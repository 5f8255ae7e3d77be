"""What an operator is told where a real Redis does not do what it is asked, by whatever way it is asked."""

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.redis_store import reading, writing
from jobs.redis_store.client import connect, require_lasting
from jobs.redis_store.faults import RIGHTS, RedisFault, redis_faults
from jobs.redis_store.keys import Keys
from jobs.serve.recommended import recommended
from jobs.settings.redis_settings import RedisSettings
from tests.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.services

VERSION = "20260301T101500Z"
SECRET = "geheim"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        client = server.admin
        client.set("{rec}:current", "before")
        client.set("{rec}:before:segment:everyone", '{"popular": [["beer", "popular"]]}')
        yield server


@pytest.fixture(scope="module")
def lists(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(
        [("person:9", '{"again": [["secretly-liked", "bought 2 times"]]}')], "name string, value string"
    )


Ask = Callable[[RedisSettings], object]


@pytest.fixture
def writers(lists: DataFrame) -> dict[str, Ask]:
    """Every way in which Redis is written, from the executors and from here."""
    return {
        "lists": lambda redis: writing.write(lists, VERSION, redis),
        "words": lambda redis: writing.update_consents(
            connect(redis), redis, [writing.Word("9", "personalisation", "pd", 1, 1)]
        ),
        "items": lambda redis: writing.write_items(connect(redis), redis, VERSION, {"beer": "{}"}),
        "manifest": lambda redis: writing.write_manifest(connect(redis), redis, VERSION, {}),
        "flip": lambda redis: writing.flip(connect(redis), redis, VERSION),
    }


READERS: dict[str, Ask] = {
    "page": lambda redis: recommended(redis, "9"),
    "version": lambda redis: reading.current_version(connect(redis), Keys(redis.prefix)),
    "start": lambda redis: require_lasting(connect(redis), redis),
}


def told(ask: Ask, redis: RedisSettings) -> str:
    """The line that the operator gets."""
    with pytest.raises(RedisFault) as raised, redis_faults(redis):
        ask(redis)
    line = str(raised.value)
    assert "\n" not in line and f"127.0.0.1:{redis.url.rpartition(':')[2].partition('/')[0]}" in line
    assert SECRET not in line and "secretly-liked" not in line, "neither a password nor what is someone's"
    return line


def no_memory(server: RedisServer) -> RedisSettings:
    server.admin.config_set("maxmemory", "1")
    return server.settings()


def replica(server: RedisServer) -> RedisSettings:
    server.admin.replicaof("127.0.0.1", "1")
    return server.settings()


def no_rights(server: RedisServer) -> RedisSettings:
    rights = ["+@read", "+@connection", "+eval", "+info"]
    server.admin.execute_command("ACL", "SETUSER", "reader", "on", f">{SECRET}", "~*", *rights)
    return server.settings(f"reader:{SECRET}@")


def no_disk(server: RedisServer) -> RedisSettings:
    client = server.admin
    client.config_set("save", "3600 1")
    shutil.rmtree(server.folder)
    client.bgsave()
    until = time.monotonic() + 10
    while client.info("persistence")["rdb_last_bgsave_status"] == "ok" and time.monotonic() < until:
        time.sleep(0.05)
    server.folder.mkdir()
    return server.settings()


def no_replicas(server: RedisServer) -> RedisSettings:
    server.admin.config_set("min-replicas-to-write", "1")
    return server.settings()


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (no_memory, ("has no memory left", "maxmemory", "redis.ttl_days")),
        (replica, ("is a replica", "redis.url")),
        (no_rights, ("does not let this user do that", "ACL SETUSER <user> +@read", "~{rec}:*")),
        (no_disk, ("cannot save to its disk", "log")),
        (no_replicas, ("too few replicas", "min-replicas-to-write")),
    ],
)
def test_a_redis_that_takes_no_writes_says_why(
    server: RedisServer, writers: dict[str, Ask], broken: Callable[[RedisServer], RedisSettings], words: tuple[str, ...]
) -> None:
    redis = broken(server)
    for name, write in writers.items():
        line = told(write, redis)
        assert all(word in line for word in words), f"{name}: {line}"
    assert recommended(redis, "9").version == "before", "what pages read is as it was"


def wrong_password(server: RedisServer) -> RedisSettings:
    server.admin.execute_command("ACL", "SETUSER", "writer", "on", f">{SECRET}", "~*", "+@all")
    return server.settings("writer:other@")


def no_password(server: RedisServer) -> RedisSettings:
    server.admin.config_set("requirepass", SECRET)
    return server.settings()


def no_such_database(server: RedisServer) -> RedisSettings:
    return server.settings(database=99)


def nobody(server: RedisServer) -> RedisSettings:
    server.kill()
    return server.settings()


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (wrong_password, ("refuses the login", "LAKEHOUSE_REDIS__URL")),
        (no_password, ("refuses the login", "LAKEHOUSE_REDIS__URL")),
        (no_such_database, ("has no database of that number", "redis.url")),
        (nobody, ("no Redis answers", "redis.url", "lakehouse up")),
    ],
)
def test_a_redis_that_cannot_be_asked_says_why(
    server: RedisServer, writers: dict[str, Ask], broken: Callable[[RedisServer], RedisSettings], words: tuple[str, ...]
) -> None:
    redis = broken(server)
    for name, ask in {**READERS, **writers}.items():
        line = told(ask, redis)
        assert all(word in line for word in words), f"{name}: {line}"


def test_a_redis_that_loads_says_so(server: RedisServer, writers: dict[str, Ask]) -> None:
    client = server.admin
    client.config_set("rdbcompression", "no")
    # It answers only after each two megabytes that it has read.
    client.mset({f"{{rec}}:{number}": "x" * 1_200_000 for number in range(60)})
    client.save()
    server.kill()
    server.start("--key-load-delay", "500000")
    with ThreadPoolExecutor() as both:
        for line in both.map(lambda ask: told(ask, server.settings()), (READERS["page"], writers["lists"])):
            assert "is still loading its data: run this again when it has" in line


def test_a_user_who_may_not_look_is_told_so(server: RedisServer) -> None:
    """Of every question that `recommend` and the start of a job ask."""
    server.admin.execute_command("ACL", "SETUSER", "none", "on", f">{SECRET}", "~rec:*", "+@connection")
    for ask in READERS.values():
        assert "does not let this user do that" in told(ask, server.settings(f"none:{SECRET}@"))


def test_the_rights_that_are_named_suffice(server: RedisServer, writers: dict[str, Ask]) -> None:
    server.admin.execute_command("ACL", "SETUSER", "job", "on", f">{SECRET}", "~{rec}:*", *RIGHTS.split())
    redis = server.settings(f"job:{SECRET}@")
    for ask in {**READERS, **writers}.values():
        ask(redis)
    assert writing.withhold(connect(redis), redis, VERSION) == 1

"""Every way in which the accounts can be wrong, made wrong on purpose on a real topic and real tables."""

import json
import uuid
from dataclasses import dataclass

import pytest
from confluent_kafka import Producer
from pyspark.sql import SparkSession

from jobs import job
from jobs.bronze import events as bronze_events
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.ledger.reconcile import Balance, Difference, reconcile, require
from jobs.local import services
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from tests.conftest import SmallLake
from tests.events import event

OPTIONS = job.Options(job.moment("2018-01-01"))
MESSAGES = [
    event(event_id="a"),
    event(event_id="b"),
    "{",
    event(event_id="a"),
    event(event_id="c"),
    event(event_id="d"),
]


@pytest.fixture
def topic(local_services: Settings) -> Settings:
    """The settings, with an empty topic of their own of one partition."""
    kafka = {"topic": f"reconcile-{uuid.uuid4().hex[:12]}", "partitions": 1}
    settings = local_services.model_copy(update={"kafka": local_services.kafka.model_copy(update=kafka)})
    services.ensure_topic(settings)
    return settings


def send(settings: Settings, *messages: object, transaction: str = "") -> None:
    producer = Producer(
        {"bootstrap.servers": settings.kafka.bootstrap, **({"transactional.id": transaction} if transaction else {})}
    )
    if transaction:
        producer.init_transactions()
        producer.begin_transaction()
    for message in messages:
        producer.produce(settings.kafka.topic, json.dumps(message) if isinstance(message, dict) else str(message))
    if transaction:
        producer.commit_transaction()
    assert producer.flush(30) == 0


def land(settings: Settings) -> None:
    bronze_events.main(settings, OPTIONS)
    silver_events.main(settings, OPTIONS)


def totals(balance: Balance) -> tuple[int, ...]:
    one = balance.accounts[0]
    return one.received, one.kept, one.quarantined, one.duplicate, one.unread, one.unlanded


def test_the_small_lake_balances(small_lake: SmallLake, spark: SparkSession) -> None:
    balance = reconcile(spark, small_lake.settings)
    assert balance.differences == []
    counts = small_lake.report["tables"]
    for name, table in (("received", "bronze.events"), ("kept", "silver.events"), ("quarantined", "quarantine.events")):
        assert sum(getattr(account, name) for account in balance.accounts) == counts[table]
    assert sum(account.duplicate for account in balance.accounts) == small_lake.report["duplicates"]
    require(balance)


@dataclass(frozen=True)
class Damage:
    """`sql` spoils `table`, whose place stands for {}; the differences it makes, as range and words."""

    table: str
    sql: str
    differences: set[tuple[int, int, str]]


DAMAGES = [
    Damage(
        "silver.events",
        "DELETE FROM {} WHERE offset = 1",
        {
            (0, 5, "ops.ledger says 4 kept, silver.events holds 3"),
            (0, 5, "ops.ledger says 1 duplicate and 0 refused, 2 are in no table"),
        },
    ),
    Damage(
        "quarantine.events",
        "INSERT INTO {0} SELECT * FROM {0} WHERE offset = 2",
        {
            (0, 5, "ops.ledger says 1 quarantined, quarantine.events holds 2"),
            (0, 5, "ops.ledger says 1 duplicate and 0 refused, 0 are in no table"),
        },
    ),
    Damage(
        "bronze.events",
        "DELETE FROM {} WHERE offset IN (1, 2)",
        {
            (0, 5, "ops.ledger says 6 received, bronze.events holds 4"),
            (0, 5, "ops.ledger says 1 duplicate and 0 refused, -1 are in no table"),
            (1, 2, "2 in Kafka are not in bronze.events"),
        },
    ),
    Damage(
        "bronze.events",
        "INSERT INTO {0} SELECT * FROM {0} WHERE offset = 5",
        {
            (0, 5, "ops.ledger says 6 received, bronze.events holds 7"),
            (0, 5, "ops.ledger says 1 duplicate and 0 refused, 2 are in no table"),
            (0, 5, "1 rows too many in bronze.events"),
        },
    ),
    Damage(
        "ops.ledger",
        "INSERT INTO {0} SELECT * FROM {0}",
        {
            (0, 5, "in two rows of ops.ledger"),
            (0, 5, "ops.ledger says 6 received, bronze.events holds 12"),
            (0, 5, "ops.ledger says 4 kept, silver.events holds 8"),
            (0, 5, "ops.ledger says 1 quarantined, quarantine.events holds 2"),
            (0, 5, "ops.ledger says 1 duplicate and 0 refused, 2 are in no table"),
        },
    ),
    Damage(
        "ops.ledger",
        "UPDATE {} SET first_offset = 1, received = 5, kept = 3",
        {(0, 0, "in no row of ops.ledger: 1 of bronze.events, 1 of silver.events")},
    ),
]


def test_every_kind_of_difference_is_found(lake: SparkSession, topic: Settings) -> None:
    send(topic, *MESSAGES)
    land(topic)
    assert totals(reconcile(lake, topic)) == (6, 4, 1, 1, 0, 0)
    for damage in DAMAGES:
        place = f"delta.`{lake.conf.get(tables.ROOT)}/{damage.table.replace('.', '/')}`"
        sound = tables.version(lake, damage.table)
        lake.sql(damage.sql.format(place))
        found = reconcile(lake, topic).differences
        assert set(found) == {Difference(topic.kafka.topic, 0, *difference) for difference in damage.differences}
        lake.sql(f"RESTORE TABLE {place} TO VERSION AS OF {sound}")
    assert reconcile(lake, topic).differences == []


def test_what_consent_refused_is_accounted_for(lake: SparkSession, topic: Settings) -> None:
    send(topic, event(event_id="a"), event(event_id="a"), event(event_id="b", consent={"analytics": False}))
    land(topic)
    ledger = tables.read(lake, "ops.ledger").collect()[0]
    assert [ledger[fate] for fate in ("received", "kept", "duplicate", "refused")] == [3, 1, 1, 1]
    balance = reconcile(lake, topic)
    assert balance.differences == []
    assert totals(balance) == (3, 1, 0, 1, 0, 0)
    assert balance.accounts[0].refused == 1


def test_what_is_under_way_is_no_difference(lake: SparkSession, topic: Settings) -> None:
    """A transaction's mark takes an offset and is no message."""
    send(topic, event(event_id="a"), event(event_id="b"), transaction="one")
    send(topic, event(event_id="c"), transaction="two")
    land(topic)
    send(topic, event(event_id="d"))
    bronze_events.main(topic, OPTIONS)
    send(topic, event(event_id="e"))
    balance = reconcile(lake, topic)
    assert balance.differences == []
    assert totals(balance) == (3, 3, 0, 0, 1, 1)


def test_the_line_names_partition_and_range() -> None:
    differences = [Difference("events", 2, 10 * n, 10 * n + 5, "wrong") for n in range(22)]
    with pytest.raises(OperatorError, match=r"balance: events-2 offsets 0 to 5: wrong; .*; 2 more$"):
        require(Balance([], differences))

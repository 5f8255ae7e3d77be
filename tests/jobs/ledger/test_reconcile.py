"""Every way in which the accounts can be wrong, made wrong on purpose on a real topic and real tables."""

from dataclasses import dataclass

import pytest

from jobs import job
from jobs.bronze import events as bronze_events
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing import topic
from jobs.ledger.accounts import Balance, Difference
from jobs.ledger.reconcile import reconcile, require
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from tests.conftest import SmallLake
from tests.events import event
from tests.topics import send, with_topic

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
def own(lake: Lake, local_services: Settings) -> Lake:
    """The empty lake, with an empty topic of its own of one partition."""
    return with_topic(lake)


def land(lake: Lake) -> None:
    bronze_events.main(lake, OPTIONS)
    silver_events.main(lake, OPTIONS)


def totals(balance: Balance) -> tuple[int, ...]:
    one = balance.accounts[0]
    return one.received, one.kept, one.quarantined, one.duplicate, one.unread, one.unlanded


def test_the_small_lake_balances(small_lake: SmallLake) -> None:
    balance = reconcile(small_lake.lake)
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


def test_every_kind_of_difference_is_found(own: Lake) -> None:
    send(own, *MESSAGES)
    land(own)
    assert totals(reconcile(own)) == (6, 4, 1, 1, 0, 0)
    for damage in DAMAGES:
        place = f"delta.`{own.root}/{damage.table.replace('.', '/')}`"
        sound = tables.version(own, damage.table)
        own.spark.sql(damage.sql.format(place))
        differences = reconcile(own).differences
        of_topic = (own.settings.kafka.topic, topic.identity(own.settings), 0)
        assert set(differences) == {Difference(*of_topic, *difference) for difference in damage.differences}
        own.spark.sql(f"RESTORE TABLE {place} TO VERSION AS OF {sound}")
    assert reconcile(own).differences == []


def test_what_consent_refused_is_accounted_for(own: Lake) -> None:
    send(own, event(event_id="a"), event(event_id="a"), event(event_id="b", consent={"analytics": False}))
    land(own)
    ledger = tables.read(own, "ops.ledger").collect()[0]
    assert [ledger[one] for one in ("received", "kept", "duplicate", "refused")] == [3, 1, 1, 1]
    balance = reconcile(own)
    assert balance.differences == []
    assert totals(balance) == (3, 1, 0, 1, 0, 0)
    assert balance.accounts[0].refused == 1


def test_what_is_under_way_is_no_difference(own: Lake) -> None:
    """A transaction's mark takes an offset and is no message."""
    send(own, event(event_id="a"), event(event_id="b"), transaction="one")
    send(own, event(event_id="c"), transaction="two")
    land(own)
    send(own, event(event_id="d"))
    bronze_events.main(own, OPTIONS)
    send(own, event(event_id="e"))
    balance = reconcile(own)
    assert balance.differences == []
    assert totals(balance) == (3, 3, 0, 0, 1, 1)


def test_the_line_names_partition_and_range() -> None:
    differences = [Difference("events", None, 2, 10 * n, 10 * n + 5, "wrong") for n in range(22)]
    with pytest.raises(OperatorError, match=r"balance: events-2 offsets 0 to 5: wrong; .*; 2 more$"):
        require(Balance([], differences))

"""Every way in which the accounts can be wrong, made wrong on purpose on a real topic and real tables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from jobs import job
from jobs.bronze import events as bronze_events
from jobs.errors import OperatorError
from jobs.lake import places, tables
from jobs.lake.lake import Lake
from jobs.landing import topic
from jobs.ledger.accounts import Balance, Difference
from jobs.ledger.reconcile import reconcile, require
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from tests.events import event
from tests.topics import send, with_topic

pytestmark = [pytest.mark.services, pytest.mark.slow]
OPTIONS = job.Options(job.moment("2018-01-01"))


def messages(prefix: str) -> list[dict[str, Any] | str]:
    a, b, c, d = (event(event_id=f"{prefix}{one}") for one in "abcd")
    return [a, b, "{", a, c, d]


@pytest.fixture
def own(lake: Lake, local_services: Settings) -> Lake:
    """The empty lake, with an empty topic of its own of one partition."""
    return with_topic(lake)


def land(lake: Lake) -> None:
    bronze_events.main(lake, OPTIONS)
    silver_events.main(lake, OPTIONS)


def totals(balance: Balance, partition: int = 0) -> tuple[int, ...]:
    one = balance.accounts[partition]
    return one.received, one.kept, one.quarantined, one.duplicate, one.unread, one.unlanded


Spoil = Callable[[DeltaTable, str], object]
"""Spoils the rows of a table that lie in a partition, named by an expression."""


def removed(offsets: str) -> Spoil:
    return lambda table, here: table.delete(f"{here} AND offset {offsets}")


def doubled(rows: str) -> Spoil:
    def double(table: DeltaTable, here: str) -> None:
        query = f"SELECT * FROM rows WHERE {here} AND {rows}"
        again = QueryBuilder().register("rows", table).execute(query).read_all()
        write_deltalake(table, again, mode="append")

    return double


def moved(table: DeltaTable, here: str) -> None:
    table.update({"first_offset": "1", "received": "5", "kept": "3"}, predicate=here)


@dataclass(frozen=True)
class Damage:
    """What spoils `table`, and the differences that it makes, as range and words."""

    table: str
    spoil: Spoil
    differences: set[tuple[int, int, str]]


DAMAGES = [
    Damage(
        "silver.events",
        removed("= 1"),
        {
            (0, 5, "ops.ledger says 4 kept, silver.events holds 3"),
            (0, 5, "ops.ledger says 1 duplicate and 0 refused, 2 are in no table"),
        },
    ),
    Damage(
        "quarantine.events",
        doubled("offset = 2"),
        {
            (0, 5, "ops.ledger says 1 quarantined, quarantine.events holds 2"),
            (0, 5, "ops.ledger says 1 duplicate and 0 refused, 0 are in no table"),
        },
    ),
    Damage(
        "bronze.events",
        removed("IN (1, 2)"),
        {
            (0, 5, "ops.ledger says 6 received, bronze.events holds 4"),
            (0, 5, "ops.ledger says 1 duplicate and 0 refused, -1 are in no table"),
            (1, 2, "2 in Kafka are not in bronze.events"),
        },
    ),
    Damage(
        "bronze.events",
        doubled("offset = 5"),
        {
            (0, 5, "ops.ledger says 6 received, bronze.events holds 7"),
            (0, 5, "ops.ledger says 1 duplicate and 0 refused, 2 are in no table"),
            (0, 5, "1 rows too many in bronze.events"),
        },
    ),
    Damage(
        "ops.ledger",
        doubled("true"),
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
        moved,
        {(0, 0, "in no row of ops.ledger: 1 of bronze.events, 1 of silver.events")},
    ),
]


def test_every_kind_of_difference_is_found(lake: Lake, local_services: Settings) -> None:
    """Each in a partition of its own, so that one look finds them all, and takes none for another's."""
    own = with_topic(lake, partitions=len(DAMAGES))
    for partition in range(len(DAMAGES)):
        send(own, *messages(f"{partition}-"), partition=partition)
    land(own)
    sound = reconcile(own)
    assert sound.differences == []
    assert [totals(sound, partition) for partition in range(len(DAMAGES))] == [(6, 4, 1, 1, 0, 0)] * len(DAMAGES)
    for partition, damage in enumerate(DAMAGES):
        damage.spoil(DeltaTable(places.table(own.root, damage.table)), f"partition = {partition}")
    of_topic = (own.settings.kafka.topic, topic.identity(own.settings))
    assert set(reconcile(own).differences) == {
        Difference(*of_topic, partition, *difference)
        for partition, damage in enumerate(DAMAGES)
        for difference in damage.differences
    }


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

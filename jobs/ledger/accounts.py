"""What became of each partition's messages, counted anew, and where ops.ledger says otherwise."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import Row

HELD_IN = {"received": "bronze.events", "kept": "silver.events", "quarantined": "quarantine.events"}


class Difference(NamedTuple):
    """A range of offsets that is not what it should be."""

    topic: str
    topic_id: str | None
    partition: int
    first_offset: int
    last_offset: int
    what: str

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition} offsets {self.first_offset} to {self.last_offset}: {self.what}"


@dataclass
class Account:
    """What became of one partition's messages. `replayed`: of the quarantined, those that are in silver.events now.
    `unread`: landed, not judged yet. `unlanded`: in Kafka alone. `lost`: offsets that Kafka removed before they were
    landed, given up. `topic_id`: null where it was not noted."""

    topic: str
    topic_id: str | None
    partition: int
    received: int = 0
    kept: int = 0
    quarantined: int = 0
    replayed: int = 0
    duplicate: int = 0
    refused: int = 0
    lost: int = 0
    unread: int = 0
    unlanded: int = 0


@dataclass(frozen=True)
class Balance:
    accounts: list[Account]
    differences: list[Difference]


Key = tuple[str, str | None, int]


def accounts_of(counted: Iterable[Row], claimed: Iterable[Row], lost: Iterable[Row]) -> dict[Key, Account]:
    accounts: dict[Key, Account] = {}
    for row in counted:
        account = accounts.setdefault(key_of(row), Account(*key_of(row)))
        if row["unread"]:
            account.unread += row["received"]
            continue
        account.received += row["received"]
        account.kept += row["kept"]
        account.quarantined += row["quarantined"]
        account.duplicate += row["received"] - row["kept"] - row["quarantined"]
    for claim in claimed:
        account = accounts.setdefault(key_of(claim), Account(*key_of(claim)))
        account.refused += claim["refused"]
        account.duplicate -= claim["refused"]
    for row in lost:
        accounts.setdefault(key_of(row), Account(*key_of(row))).lost += row["lost"]
    return accounts


def misstated(claimed: Sequence[Row], counted: Iterable[Row]) -> Iterator[Difference]:
    by_range = {(*range_of(row), row["batch"]): row for row in counted if not row["unread"]}
    for claim in claimed:
        at = range_of(claim)
        row = by_range.get((*at, claim["batch"]))
        holds = {what: 0 if row is None else row[what] for what in HELD_IN}
        for what, table in HELD_IN.items():
            if holds[what] != claim[what]:
                yield Difference(*at, f"ops.ledger says {claim[what]:,} {what}, {table} holds {holds[what]:,}")
        left = holds["received"] - holds["kept"] - holds["quarantined"]
        if left != claim["duplicate"] + claim["refused"]:
            sums = f"{claim['duplicate']:,} duplicate and {claim['refused']:,} refused"
            yield Difference(*at, f"ops.ledger says {sums}, {left:,} are in no table")
    ranges = {(*range_of(claim), claim["batch"]) for claim in claimed}
    for row in [row for at, row in by_range.items() if at not in ranges]:
        rows = ", ".join(f"{row[what]:,} of {table}" for what, table in HELD_IN.items() if row[what])
        yield Difference(*range_of(row), f"in no row of ops.ledger: {rows}")


def overlapping(claimed: Iterable[Row]) -> Iterator[Difference]:
    ranges = sorted(map(range_of, claimed), key=lambda at: (at[0], at[1] or "", *at[2:]))
    for one, two in itertools.pairwise(ranges):
        if one[:3] == two[:3] and two[3] <= one[4]:
            yield Difference(*two[:4], min(one[4], two[4]), "in two rows of ops.ledger")


def key_of(row: Row) -> Key:
    return row["topic"], row["topic_id"], row["partition"]


def range_of(row: Row) -> tuple[str, str | None, int, int, int]:
    return (*key_of(row), row["first_offset"], row["last_offset"])


def doubled(landed: Iterable[Row]) -> Iterator[Difference]:
    for row in landed:
        if row["rows"] != row["offsets"]:
            yield Difference(*range_of(row), f"{row['rows'] - row['offsets']:,} rows too many in bronze.events")

"""What Kafka has, or had, of the topic as it is now, and bronze.events lacks or has not landed yet."""

import itertools
from collections.abc import Iterator, Sequence

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.lake.lake import Lake
from jobs.landing import positions, topic
from jobs.ledger.accounts import Account, Difference, Key, key_of
from jobs.ledger.ranges import PARTITION
from jobs.settings.loading import Settings

MOST_COUNTED = 100_000
"""So many offsets behind the last landed one are looked into for messages; of more only the offsets are counted."""


def against_kafka(
    lake: Lake, bronze: DataFrame, landed: Sequence[Row], lost: Sequence[Row], accounts: dict[Key, Account]
) -> Iterator[Difference]:
    """What Kafka has, or had, and bronze.events lacks, of the topic as it is now; fills in what is not landed yet."""
    settings = lake.settings
    name, identity = settings.kafka.topic, topic.identity(settings)
    ids = [identity, None] if positions.unnamed_are_of(lake, "bronze.events", "bronze.events", identity) else [identity]
    for partition, (first, end) in enumerate(topic.extents(settings, topic.partitions(settings))):
        keys = [(name, one, partition) for one in ids]
        ours = [row for row in landed if key_of(row) in keys]
        given_up = [row for row in lost if key_of(row) in keys]
        last = max((row["last_offset"] for row in (*ours, *given_up)), default=None)
        key = next((one for one in keys if one in accounts), keys[0])
        account = accounts.setdefault(key, Account(*key))
        if last is None:
            account.unlanded = _count(settings, partition, first, end)
            continue
        account.unlanded = _count(settings, partition, max(last + 1, first), end)
        if last >= end:
            yield Difference(name, identity, partition, end, last, "in bronze.events, and Kafka ends before")
            continue
        if first > last + 1:
            what = f"{first - last - 1:,} offsets that Kafka has removed are not in bronze.events"
            yield Difference(name, identity, partition, last + 1, first - 1, what)
        for gap in _gaps(bronze, ours, first):
            missing = topic.messages_between(settings, partition, *gap)
            if missing > 0:
                what = f"{missing:,} in Kafka are not in bronze.events"
                yield Difference(name, identity, partition, *gap, what)


def _count(settings: Settings, partition: int, first: int, end: int) -> int:
    """How many messages Kafka has from `first` on; of very many the offsets, for which not each needs to be read."""
    if not 0 < end - first <= MOST_COUNTED:
        return max(0, end - first)
    return topic.messages_between(settings, partition, first, end - 1)


def _gaps(bronze: DataFrame, landed: Sequence[Row], first: int) -> Iterator[tuple[int, int]]:
    """Ranges of offsets that bronze lacks, from `first` to the last landed one. `landed`: one partition's blocks."""
    following = first
    for row in sorted(landed, key=lambda row: int(row["first_offset"])):
        begin, end = max(row["first_offset"], first), row["last_offset"]
        if begin > following:
            yield following, begin - 1
        if end >= first and row["last_offset"] - row["first_offset"] + 1 != row["offsets"]:
            there = _offsets_in(bronze, row)
            yield from ((a + 1, b - 1) for a, b in itertools.pairwise(there) if b > a + 1 and b > first)
        following = max(following, end + 1)


def _offsets_in(bronze: DataFrame, row: Row) -> list[int]:
    within = F.col("offset").between(row["first_offset"], row["last_offset"])
    of_partition = [F.col(name).eqNullSafe(F.lit(row[name])) for name in PARTITION]
    there = bronze.where(within & of_partition[0] & of_partition[1] & of_partition[2])
    return [one["offset"] for one in there.select("offset").distinct().orderBy("offset").collect()]

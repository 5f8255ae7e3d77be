"""ledger.reconcile: is every offset accounted for? Counted anew from Kafka and the tables; the ledger is not believed.

What each row of ops.ledger claims is counted again: received in bronze.events, quarantined in quarantine.events, kept
in silver.events but for what came there by a replay; what was received and is in neither was a duplicate or was refused
by consent: their sum is counted again, which of the two it was only the ledger says. Besides, ranges that are counted
twice or not at all, and messages that Kafka keeps and bronze lacks or has twice. Of the tables only coordinates are
read. Safe beside the streams: what lies behind the ledger's end is under way.
"""

import dataclasses
import itertools
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from jobs import job
from jobs.errors import OperatorError
from jobs.lake import streams, tables
from jobs.lake.session import spark_for
from jobs.landing import topic
from jobs.landing.uniqueness import COORDINATES
from jobs.settings.loading import Settings

HELD_IN = {"received": "bronze.events", "kept": "silver.events", "quarantined": "quarantine.events"}
RANGE = ("topic", "partition", "first_offset", "last_offset")
BLOCK = 32_768  # offsets: as many as one of Spark's bitmaps takes
MOST_TOLD = 20

log = logging.getLogger(__name__)


class Difference(NamedTuple):
    """A range of offsets that is not what it should be."""

    topic: str
    partition: int
    first_offset: int
    last_offset: int
    what: str

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition} offsets {self.first_offset} to {self.last_offset}: {self.what}"


@dataclasses.dataclass
class Account:
    """What became of one partition's messages. `replayed`: of the quarantined, those that are in silver.events now.
    `unread`: landed, not judged yet. `unlanded`: offsets of Kafka alone."""

    topic: str
    partition: int
    received: int = 0
    kept: int = 0
    quarantined: int = 0
    replayed: int = 0
    duplicate: int = 0
    refused: int = 0
    unread: int = 0
    unlanded: int = 0


@dataclasses.dataclass(frozen=True)
class Balance:
    accounts: list[Account]
    differences: list[Difference]


def reconcile(spark: SparkSession, settings: Settings) -> Balance:
    """Raises OperatorError when a table is not built, or no broker answers or has the topic."""
    streams.require_topic(settings)
    # Versions, pinned in the order opposite to writing: whatever the ledger names was in the other tables before.
    ledger = _pinned(spark, "ops.ledger")
    held = {fate: _pinned(spark, table) for fate, table in reversed(HELD_IN.items())}
    held["kept"], replayed = _apart(held["kept"], held["quarantined"])
    claimed = ledger.collect()
    counted = as_counted(ledger, held).collect()
    landed = as_landed(held["received"]).collect()
    differences = [*_misstated(claimed, counted), *_overlapping(claimed), *_doubled(landed)]
    accounts = _accounts(counted, claimed)
    for row in replayed.groupBy("topic", "partition").count().collect():
        key = (row["topic"], row["partition"])
        accounts.setdefault(key, Account(*key)).replayed = row["count"]
    name = settings.kafka.topic
    for partition, (first, end) in enumerate(topic.extents(settings, topic.partitions(settings))):
        ours = [row for row in landed if (row["topic"], row["partition"]) == (name, partition)]
        last = max((row["last_offset"] for row in ours), default=first - 1)
        accounts.setdefault((name, partition), Account(name, partition)).unlanded = max(0, end - max(last + 1, first))
        if last >= end:
            what = "in bronze.events, and Kafka ends before: was the topic made anew?"
            differences.append(Difference(name, partition, end, last, what))
            continue
        for gap in _gaps(held["received"], ours, first):
            lost = topic.messages_between(settings, partition, *gap)
            if lost > 0:
                differences.append(Difference(name, partition, *gap, f"{lost:,} in Kafka are not in bronze.events"))
    return Balance([accounts[key] for key in sorted(accounts)], sorted(differences))


def _apart(kept: DataFrame, quarantined: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The rows of silver.events that came there at once, and those that a replay took there from quarantine."""
    places = quarantined.select(*COORDINATES).distinct()
    return kept.join(places, list(COORDINATES), "left_anti"), kept.join(places, list(COORDINATES), "left_semi")


def _pinned(spark: SparkSession, name: str) -> DataFrame:
    return tables.read(spark, name, tables.version(spark, name))


def as_counted(ledger: DataFrame, held: dict[str, DataFrame]) -> DataFrame:
    """One row per range of the ledger: received, kept, quarantined as `held` has them there.

    Besides one per partition, with a null `batch`, for what lies in no range, from `first_offset` to `last_offset`;
    and one for what was received and is `unread`: it lies behind the last range.
    """
    blocks = F.sequence(_block("first_offset"), _block("last_offset"))
    ranges = ledger.select(*RANGE, "batch", F.explode(blocks).alias("block")).alias("of")
    ends = ledger.groupBy("topic", "partition").agg(F.max("last_offset").alias("end"))
    frames = [frame.select(*COORDINATES, F.lit(fate).alias("fate")) for fate, frame in held.items()]
    rows = frames[0].union(frames[1]).union(frames[2]).withColumn("block", _block("offset")).alias("at")
    inside = [F.col(f"at.{name}") == F.col(f"of.{name}") for name in ("topic", "partition", "block")]
    inside.append(F.col("at.offset").between(F.col("of.first_offset"), F.col("of.last_offset")))
    is_unread = F.col("batch").isNull() & (F.col("offset") > F.coalesce("end", F.lit(-1)))
    places = (
        rows.join(F.broadcast(ranges), on=inside, how="left")
        .select("at.topic", "at.partition", "offset", "fate", "first_offset", "last_offset", "batch")
        .join(F.broadcast(ends), on=["topic", "partition"], how="left")
        .withColumn("unread", is_unread)
        .where("fate = 'received' OR NOT unread")
    )
    counts = [F.count_if(F.col("fate") == fate).alias(fate) for fate in HELD_IN]
    seen = [F.min("offset").alias("first_seen"), F.max("offset").alias("last_seen")]
    return (
        places.groupBy(*RANGE, "batch", "unread")
        .agg(*counts, *seen)
        .withColumn("first_offset", F.coalesce("first_offset", "first_seen"))
        .withColumn("last_offset", F.coalesce("last_offset", "last_seen"))
        .drop("first_seen", "last_seen")
    )


def as_landed(bronze: DataFrame) -> DataFrame:
    """One row per partition and block of offsets: rows, distinct offsets, the first and the last of them."""
    distinct = F.bitmap_count(F.bitmap_construct_agg(F.col("offset") % BLOCK))
    return bronze.groupBy("topic", "partition", _block("offset").alias("block")).agg(
        F.count("*").alias("rows"),
        distinct.alias("offsets"),
        F.min("offset").alias("first_offset"),
        F.max("offset").alias("last_offset"),
    )


def _block(offset: str) -> Column:
    return F.expr(f"`{offset}` div {BLOCK}")


def _accounts(counted: Iterable[Row], claimed: Iterable[Row]) -> dict[tuple[str, int], Account]:
    accounts: dict[tuple[str, int], Account] = {}
    for row in counted:
        key = (row["topic"], row["partition"])
        account = accounts.setdefault(key, Account(*key))
        if row["unread"]:
            account.unread += row["received"]
            continue
        account.received += row["received"]
        account.kept += row["kept"]
        account.quarantined += row["quarantined"]
        account.duplicate += row["received"] - row["kept"] - row["quarantined"]
    for claim in claimed:
        account = accounts.setdefault((claim["topic"], claim["partition"]), Account(claim["topic"], claim["partition"]))
        account.refused += claim["refused"]
        account.duplicate -= claim["refused"]
    return accounts


def _misstated(claimed: Sequence[Row], counted: Iterable[Row]) -> Iterator[Difference]:
    found = {(*_range(row), row["batch"]): row for row in counted if not row["unread"]}
    for claim in claimed:
        at = _range(claim)
        row = found.get((*at, claim["batch"]))
        holds = {fate: 0 if row is None else row[fate] for fate in HELD_IN}
        for fate, table in HELD_IN.items():
            if holds[fate] != claim[fate]:
                yield Difference(*at, f"ops.ledger says {claim[fate]:,} {fate}, {table} holds {holds[fate]:,}")
        left = holds["received"] - holds["kept"] - holds["quarantined"]
        if left != claim["duplicate"] + claim["refused"]:
            said = f"{claim['duplicate']:,} duplicate and {claim['refused']:,} refused"
            yield Difference(*at, f"ops.ledger says {said}, {left:,} are in no table")
    ranges = {(*_range(claim), claim["batch"]) for claim in claimed}
    for row in [row for at, row in found.items() if at not in ranges]:
        rows = ", ".join(f"{row[fate]:,} of {table}" for fate, table in HELD_IN.items() if row[fate])
        yield Difference(*_range(row), f"in no row of ops.ledger: {rows}")


def _overlapping(claimed: Iterable[Row]) -> Iterator[Difference]:
    ranges = sorted(map(_range, claimed))
    for one, two in itertools.pairwise(ranges):
        if one[:2] == two[:2] and two[2] <= one[3]:
            yield Difference(*two[:3], min(one[3], two[3]), "in two rows of ops.ledger")


def _range(row: Row) -> tuple[str, int, int, int]:
    return row["topic"], row["partition"], row["first_offset"], row["last_offset"]


def _doubled(landed: Iterable[Row]) -> Iterator[Difference]:
    for row in landed:
        if row["rows"] != row["offsets"]:
            yield Difference(*_range(row), f"{row['rows'] - row['offsets']:,} rows too many in bronze.events")


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


def _offsets_in(bronze: DataFrame, block: Row) -> list[int]:
    within = F.col("offset").between(block["first_offset"], block["last_offset"])
    there = bronze.where(within & (F.col("topic") == block["topic"]) & (F.col("partition") == block["partition"]))
    return [row["offset"] for row in there.select("offset").distinct().orderBy("offset").collect()]


def require(balance: Balance) -> None:
    """Raises OperatorError, with the first differences, unless there is none."""
    if balance.differences:
        told = [str(difference) for difference in balance.differences[:MOST_TOLD]]
        more = len(balance.differences) - len(told)
        raise OperatorError("the ledger does not balance: " + "; ".join(told) + (f"; {more} more" if more else ""))


def main(settings: Settings, options: job.Options) -> None:
    balance = reconcile(spark_for("ledger.reconcile", settings), settings)
    for account in balance.accounts:
        log.info("%s", json.dumps(dataclasses.asdict(account)))
    require(balance)


if __name__ == "__main__":
    job.submit(main)

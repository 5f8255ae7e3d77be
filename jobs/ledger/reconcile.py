"""ledger.reconcile: is every offset accounted for? Counted anew from Kafka and the tables; the ledger is not believed.

What each row of ops.ledger claims is counted again: received in bronze.events, quarantined in quarantine.events, kept
in silver.events but for what came there by a replay; what was received and is in neither was a duplicate or was refused
by consent: their sum is counted again, which of the two it was only the ledger says. Besides, ranges that are counted
twice or not at all, and messages that Kafka keeps, or has removed, and bronze lacks or has twice. A topic made anew has
accounts of its own; of the one before nothing can be asked any more. Of the tables only coordinates are read. Safe
beside the streams: what lies behind the ledger's end is under way.
"""

import json
import logging
from dataclasses import asdict

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.errors import OperatorError
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing import topic
from jobs.landing.uniqueness import by_coordinates
from jobs.ledger.accounts import (
    HELD_IN,
    Account,
    Balance,
    accounts_of,
    doubled,
    key_of,
    misstated,
    overlapping,
)
from jobs.ledger.against_kafka import against_kafka
from jobs.ledger.ranges import BLOCK, PARTITION, RANGE, as_blocks, block, is_within

PLACE = (*PARTITION, "offset")
MOST_SHOWN = 20
log = logging.getLogger(__name__)


def reconcile(lake: Lake) -> Balance:
    """Raises OperatorError when a table is not built, or no broker answers or has the topic."""
    topic.require(lake.settings)
    # Versions, pinned in the order opposite to writing: whatever the ledger names was in the other tables before.
    ledger = _pinned(lake, "ops.ledger")
    held = {what: _pinned(lake, table) for what, table in reversed(HELD_IN.items())}
    held["kept"], replayed = _apart(held["kept"], held["quarantined"])
    rows = ledger.collect()
    claimed, lost = [row for row in rows if not row["lost"]], [row for row in rows if row["lost"]]
    counted = as_counted(ledger.where("coalesce(lost, 0) = 0"), held).collect()
    landed = as_landed(held["received"]).collect()
    differences = [*misstated(claimed, counted), *overlapping(rows), *doubled(landed)]
    accounts = accounts_of(counted, claimed, lost)
    for row in replayed.groupBy(*PARTITION).count().collect():
        accounts.setdefault(key_of(row), Account(*key_of(row))).replayed = row["count"]
    differences += against_kafka(lake, held["received"], landed, lost, accounts)
    ordered = sorted(accounts, key=lambda key: (key[0], key[1] or "", key[2]))
    return Balance([accounts[key] for key in ordered], sorted(differences, key=str))


def _apart(kept: DataFrame, quarantined: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The rows of silver.events that came there at once, and those that a replay took there from quarantine."""
    places = quarantined.select(*PLACE).distinct()
    return by_coordinates(kept, places, "left_anti"), by_coordinates(kept, places, "left_semi")


def _pinned(lake: Lake, name: str) -> DataFrame:
    return tables.read(lake, name, tables.version(lake, name))


def as_counted(ledger: DataFrame, held: dict[str, DataFrame]) -> DataFrame:
    """One row per range of the ledger: received, kept, quarantined as `held` has them there.

    Besides one per partition, with a null `batch`, for what lies in no range, from `first_offset` to `last_offset`;
    and one for what was received and is `unread`: it lies behind the last range.
    """
    ranges = as_blocks(ledger).drop("received").alias("of")
    ends = ledger.groupBy(*PARTITION).agg(F.max("last_offset").alias("end")).alias("ends")
    frames = [frame.select(*PLACE, F.lit(what).alias("what")) for what, frame in held.items()]
    rows = frames[0].union(frames[1]).union(frames[2]).withColumn("block", block("offset")).alias("at")
    of_partition = [F.col(f"at.{name}").eqNullSafe(F.col(f"ends.{name}")) for name in PARTITION]
    is_unread = F.col("batch").isNull() & (F.col("offset") > F.coalesce("end", F.lit(-1)))
    places = (
        rows.join(F.broadcast(ranges), on=is_within("at", "of"), how="left")
        .join(F.broadcast(ends), on=of_partition, how="left")
        .select(*[f"at.{name}" for name in PLACE], "what", "first_offset", "last_offset", "batch", "end")
        .withColumn("unread", is_unread)
        .where("what = 'received' OR NOT unread")
    )
    counts = [F.count_if(F.col("what") == what).alias(what) for what in HELD_IN]
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
    return bronze.groupBy(*PARTITION, block("offset").alias("block")).agg(
        F.count("*").alias("rows"),
        distinct.alias("offsets"),
        F.min("offset").alias("first_offset"),
        F.max("offset").alias("last_offset"),
    )


def require(balance: Balance) -> None:
    """Raises OperatorError, with the first differences, unless there is none."""
    if balance.differences:
        first = [str(difference) for difference in balance.differences[:MOST_SHOWN]]
        more = len(balance.differences) - len(first)
        raise OperatorError("the ledger does not balance: " + "; ".join(first) + (f"; {more} more" if more else ""))


def main(lake: Lake, options: Options) -> None:
    balance = reconcile(lake)
    for account in balance.accounts:
        log.info("%s", json.dumps(asdict(account)))
    require(balance)


JOB = Job(
    "ledger.reconcile", main, reads=("kafka", "bronze.events", "silver.events", "quarantine.events", "ops.ledger")
)

if __name__ == "__main__":
    submit(JOB)

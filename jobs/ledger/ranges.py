"""Which messages ops.ledger has accounted for: its ranges of offsets, and rows that lie in them or not."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake

PARTITION = ("topic", "topic_id", "partition")
RANGE = (*PARTITION, "first_offset", "last_offset")
BLOCK = 32_768  # offsets: as many as one of Spark's bitmaps takes


def block(offset: str) -> Column:
    """Offsets are compared block by block: between two sets of ranges Spark would compare all with all."""
    return F.expr(f"`{offset}` div {BLOCK}")


def as_blocks(ledger: DataFrame) -> DataFrame:
    """The ranges of the ledger's rows, once for each block they reach into (`block`)."""
    reached = F.explode(F.sequence(block("first_offset"), block("last_offset")))
    return ledger.select(*RANGE, "batch", "received", reached.alias("block"))


def is_within(rows: str, ranges: str) -> list[Column]:
    """Whether a row, with its `block`, lies in a range of `as_blocks`; both by the names of their frames."""
    is_same = [F.col(f"{rows}.{name}").eqNullSafe(F.col(f"{ranges}.{name}")) for name in (*PARTITION, "block")]
    return [*is_same, F.col(f"{rows}.offset").between(F.col(f"{ranges}.first_offset"), F.col(f"{ranges}.last_offset"))]


def not_accounted_for(received: DataFrame, ledger: DataFrame) -> DataFrame:
    """The rows of bronze.events that lie in no range of the ledger."""
    ranges = F.broadcast(as_blocks(ledger.where("received > 0"))).alias("ranges")
    rows = received.withColumn("block", block("offset")).alias("rows")
    return rows.join(ranges, on=is_within("rows", "ranges"), how="left_anti").drop("block")


def require_whole(lake: Lake) -> None:
    """Raises OperatorError where a range holds more messages than the ledger accounts for: some were not judged."""
    ledger = tables.read(lake, "ops.ledger").where("received > 0")
    rows = tables.read(lake, "bronze.events").select(*PARTITION, "offset").withColumn("block", block("offset"))
    inside = rows.alias("rows").join(
        F.broadcast(as_blocks(ledger)).alias("ranges"), on=is_within("rows", "ranges"), how="inner"
    )
    counted = inside.groupBy(*[f"ranges.{name}" for name in RANGE], "batch", "received").agg(F.count("*").alias("rows"))
    wrong = counted.where("rows > received").limit(1).collect()
    if wrong:
        row = wrong[0]
        raise OperatorError(
            f"ops.ledger accounts for {row['received']:,} messages of {row['topic']}-{row['partition']} offsets"
            f" {row['first_offset']} to {row['last_offset']}, and bronze.events holds {row['rows']:,}: what was judged"
            " cannot be told; see what differs with: lakehouse reconcile"
        )

"""Messages that Kafka removed before they were landed, given up for good: they have their place in ops.ledger."""

from collections.abc import Sequence

from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.checkpoints import Checkpoint
from jobs.lake.lake import Lake
from jobs.landing.positions import Gone

LEDGER = "ops.ledger"
NO_BATCH = -1
"""In place of a micro-batch of silver.events, which none of these messages came to."""


def record(lake: Lake, checkpoint: Checkpoint, gone: Sequence[Gone]) -> None:
    """One row of the ledger per partition, once for the checkpoint that began behind them."""
    start = checkpoint.start or {}
    tables.create(lake, LEDGER)
    rows = [(one.partition, one.first_offset, one.last_offset, one.offsets) for one in gone]
    frame = lake.spark.createDataFrame(rows, "partition int, first_offset long, last_offset long, lost long")
    nothing = {name: F.lit(0) for name in ("received", "kept", "quarantined", "duplicate", "refused")}
    source = {"topic": F.lit(start["topic"]), "topic_id": F.lit(start["topic_id"]), "batch": F.lit(NO_BATCH)}
    query = f"lost before {checkpoint.stream}.{checkpoint.number}"
    tables.append_once(lake, LEDGER, frame.withColumns({**source, **nothing}), query, 0)

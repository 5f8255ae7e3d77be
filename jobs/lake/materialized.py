"""A frame that several writes read, worked out once."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import StorageLevel
from pyspark.sql import DataFrame


@contextmanager
def materialized(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame as it is now, on the executors' disks until the block ends; what may lie on no disk must not be in it.

    Kept in the heap instead, a micro-batch of silver.events took an eighth more of the processor: the collector copied
    it, each task brought the whole plan along, and Delta made it anew, of the table as it was then, after each write
    to a table that it was made of. An executor that is lost takes its part with it: the run ends, and is run again.
    """
    done = frame.localCheckpoint(storageLevel=StorageLevel.DISK_ONLY)
    try:
        yield done
    finally:
        done._jdf.logicalPlan().rdd().unpersist(False)

"""A frame that several writes read, worked out once."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

LOST = "CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND"

log = logging.getLogger(__name__)


@contextmanager
def materialized(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame as it is now, on the executors' disks until the block ends; what may lie on no disk must not be in it.

    Kept in the heap instead, a micro-batch of silver.events took an eighth more of the processor: the collector copied
    it, each task brought the whole plan along, and Delta made it anew, of the table as it was then, after each write
    to a table that it was made of. An executor that is lost takes its part with it: again_without_lost_blocks.
    """
    copy = frame.localCheckpoint(storageLevel=StorageLevel.DISK_ONLY)
    try:
        yield copy
    finally:
        copy._jdf.logicalPlan().rdd().unpersist(False)


def again_without_lost_blocks(work: Callable[[bool], None], tries: int = 3) -> None:
    """Does the work, and again where an executor was lost and took a part of a materialized frame with it.

    The work must be such that it can be done twice, and is told whether it is done again; it makes its frames anew.
    """
    for number in range(1, tries):
        try:
            return work(number > 1)
        except (Py4JJavaError, PySparkException) as error:
            if LOST not in str(error):
                raise
            log.warning("an executor was lost with what it held; the same again, try %d of %d", number + 1, tries)
    work(True)

"""Another's commit came first."""

import logging
import time
from collections.abc import Callable

from delta import exceptions

# One by one: the class that is named as their common one is not.
CONFLICTS = (
    exceptions.DeltaConcurrentModificationException,
    exceptions.ConcurrentAppendException,
    exceptions.ConcurrentDeleteDeleteException,
    exceptions.ConcurrentDeleteReadException,
    exceptions.ConcurrentTransactionException,
    exceptions.ConcurrentWriteException,
    exceptions.MetadataChangedException,
    exceptions.ProtocolChangedException,
)

log = logging.getLogger(__name__)


def again_on_conflict(work: Callable[[], object], tries: int = 4) -> None:
    """Does the work, and again after a growing pause when another's commit came first; raises the last conflict.

    Nothing of a try that met one was committed. Files that upkeep joined conflict with an UPDATE of rows in them, and
    the other way round; the work itself is as good as before.
    """
    for number in range(1, tries):
        try:
            work()
            return
        except CONFLICTS as conflict:
            log.info("another's commit came first (%s), try %d of %d", type(conflict).__name__, number, tries)
            time.sleep(2 ** (number - 1))
    work()

"""publish.identities: to whom each identifier belongs, from silver.identities into Redis, where a page resolves it.

A page then reads a person's lists by whichever identifier it knows, and who denied personalisation under one of them is
suppressed under all. Redis holds a line for each identifier that is not a person of its own. Running it again changes
nothing; a run that dies half-way leaves some as they were until the next.
"""

import logging

from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.people.identity import aliases
from jobs.redis_store.client import connect, require_lasting
from jobs.redis_store.writing import write_aliases
from jobs.settings.loading import Settings

NAME = "publish.identities"

log = logging.getLogger(__name__)


def require(settings: Settings) -> None:
    """Raises OperatorError unless Redis answers and keeps its keys."""
    require_lasting(connect(settings.redis), settings.redis)


def main(lake: Lake, options: Options) -> None:
    count = write_aliases(aliases(lake), lake.settings.redis)
    log.info("%s: Redis knows to whom %s identifiers belong", NAME, f"{count:,}")


JOB = Job(NAME, main, reads=("silver.identities",), also_writes=("redis",), before=require)

if __name__ == "__main__":
    submit(JOB)

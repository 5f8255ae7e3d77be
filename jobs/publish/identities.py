"""publish.identities: to whom each identifier belongs, from silver.identities into Redis, where a page resolves it.

A page then reads a person's lists by whichever identifier it knows, and who denied personalisation under one of them is
suppressed under all. Redis holds a line for each identifier that is not a person of its own. What live.identities has
linked meanwhile becomes what the lake says where the lake knows of it, and stays where it does not. Running it again
changes nothing; a run that dies half-way leaves some as they were until the next.
"""

import logging

from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.people.aliases import aliases, judged, pairs_taken_back, shared_identifiers
from jobs.redis_store.client import connect, require_lasting
from jobs.redis_store.faults import redis_faults
from jobs.redis_store.identities import forget_links, keep_apart, link_identities, pending_links, update_identities
from jobs.redis_store.writing import write_aliases
from jobs.settings.loading import Settings

NAME = "publish.identities"

log = logging.getLogger(__name__)


def require(settings: Settings) -> None:
    """Raises OperatorError unless Redis answers and keeps its keys."""
    require_lasting(connect(settings.redis), settings.redis)


def main(lake: Lake, options: Options) -> None:
    redis, limits = lake.settings.redis, lake.settings.identity.limits
    client = connect(redis)
    with redis_faults(redis):
        keep_apart(client, redis, shared_identifiers(lake), pairs_taken_back(lake))
        pending = pending_links(client, redis)
    count = write_aliases(aliases(lake), redis)
    known = judged(lake, pending).collect() if pending else []
    belonging = {row[end]: row[f"{end}_person"] for row in known for end in ("left", "right")}
    settled = {(row["left"], row["right"]) for row in known}
    with redis_faults(redis):
        update_identities(client, redis, [*belonging.items()])
        forget_links(client, redis, [*settled])
        link_identities(client, redis, limits, [one for one in pending_links(client, redis) if one not in settled])
    log.info("%s: Redis knows to whom %s identifiers belong", NAME, f"{count:,}")


JOB = Job(NAME, main, reads=("silver.identities", "silver.identity_links"), also_writes=("redis",), before=require)

if __name__ == "__main__":
    submit(JOB)

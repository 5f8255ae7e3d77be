"""live.identities: who became one person just now, in Redis some seconds behind Kafka and ahead of silver.identities.

What stands together in an event (a login, an identify event) is linked within the limits of [identity], first come,
first served; the lake, which knows all links, corrects it in the next run of publish.identities. What it keeps apart,
identifiers seen with too many others and what an operator split, is not linked here. Messages may come late, in any
order and more than once; what breaks the contract is passed over.
"""

import logging
from typing import Any

from pyspark.sql import DataFrame
from redis import Redis

from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.landing import kafka_stream
from jobs.landing.reading import Reader, held, reader_of
from jobs.live.requirements import require
from jobs.live.valid_events import as_arrived, valid_events
from jobs.people.rules import identity_rules
from jobs.people.sightings import links_in
from jobs.redis_store.identities import link_identities
from jobs.redis_store.writing import from_executors
from jobs.settings.identity_settings import IdentitySettings
from jobs.settings.redis_settings import RedisSettings

NAME = "live.identities"

log = logging.getLogger(__name__)


def land(messages: DataFrame, batch: int, reader: Reader, redis: RedisSettings, rules: IdentitySettings) -> None:
    """One micro-batch of messages, from the executors into Redis. Doing it again changes nothing.

    Raises RedisFault when Redis does not take what came.
    """
    contract, protection = reader.contract(), reader.protection

    def put(client: Redis, rows: Any) -> int:
        events = valid_events([*rows.itertuples(index=False, name=None)], contract, protection)
        links = dict.fromkeys(link for event in events for link in links_in(event.fields, rules))
        pairs = [(left.own_person_id, right.own_person_id) for left, right in links]
        return link_identities(client, redis, rules.limits, pairs)

    with held(messages, reader) as arrived:
        _, merged = from_executors(as_arrived(arrived, reader), put, redis)
    if merged:
        log.info("%s: batch %d, %s people became part of another", NAME, batch, f"{merged:,}")


def main(lake: Lake, options: Options) -> int:
    settings = lake.settings
    reader, rules = reader_of(settings), identity_rules(settings)
    return kafka_stream.run(
        lake,
        NAME,
        lambda messages, batch: land(messages, batch, reader, settings.redis, rules),
        every_seconds=options.every(settings.live.trigger_seconds),
        accept_loss=options.accept_loss,
    )


def rebuild(lake: Lake) -> None:
    """Begins at the topic's start: what was linked before is linked again, and changes nothing."""
    kafka_stream.restart(lake, NAME, None)


JOB = Job(
    NAME,
    main,
    reads=("kafka",),
    also_writes=("redis",),
    stays=True,
    flags=("accept_loss",),
    before=require,
    rebuild=rebuild,
)

if __name__ == "__main__":
    submit(JOB)

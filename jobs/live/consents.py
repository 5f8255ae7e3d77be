"""live.consents: what each person allows, kept in Redis some seconds behind Kafka and not by way of the lake.

A denial of personalisation puts the person into the set of the suppressed, which whoever reads or writes their list
asks first, and deletes their lists of the current and the previous version. What was said under any identifier of a
person counts for the person; to whom identifiers belong publish.identities says. Statements may come late, in any order
and more than once. What breaks the contract is passed over: the lake quarantines it. A Redis that was emptied is
noticed with the next message: all is heard again, from silver.consents and from Kafka.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from redis import Redis

from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.landing import kafka_stream
from jobs.landing.reading import Reader, held, reader_of
from jobs.live.requirements import require
from jobs.live.valid_events import Event, as_arrived, micros, valid_events
from jobs.people.consent import IDS
from jobs.people.consent_record import said_under_ids
from jobs.people.identifier import Identifier
from jobs.people.statements import statements_of
from jobs.redis_store.client import connect
from jobs.redis_store.faults import RedisFault, redis_faults
from jobs.redis_store.keys import Keys
from jobs.redis_store.writing import KINDS, Word, from_executors, update_consents
from jobs.settings.redis_settings import RedisSettings

NAME = "live.consents"

log = logging.getLogger(__name__)


def may_speak() -> Column:
    """Whether a message can have a field named consent or purposes: in JSON that takes the letters or an escape; what
    a schema registry has framed is not looked into here."""
    text = "CAST(value AS string)"
    return F.expr(f"contains({text}, 'consent') OR contains({text}, '\\\\u') OR substring(value, 1, 1) = X'00'")


def words_of(event: Event) -> Iterator[Word]:
    """What an event says: a denial under each of its ids; a grant under the user's, if it has one, because the browser
    may be another's too."""
    ids = [Identifier(name, event.fields[name]).own_person_id for name in IDS if event.fields.get(name) is not None]
    for said in statements_of(*event):
        kind = KINDS[said.said_by, said.is_granted]
        for one in ids[:1] if said.is_granted else ids:
            yield Word(one, said.purpose, kind, micros(said.valid_from), micros(event.received_at))


def land(messages: DataFrame, batch: int, reader: Reader, redis: RedisSettings) -> None:
    """One micro-batch of messages, from the executors into Redis. Doing it again changes nothing.

    Raises RedisFault when Redis does not take what was said.
    """
    contract, protection = reader.contract(), reader.protection

    def put(client: Redis, rows: Any) -> int:
        events = valid_events([*rows.itertuples(index=False, name=None)], contract, protection)
        words = [word for event in events for word in words_of(event)]
        update_consents(client, redis, words)
        return len(words)

    if not _has_begun(redis):
        raise RedisFault(f"{NAME}: Redis does not know any more what was said; it begins anew")
    with held(messages.where(may_speak()), reader) as spoken:
        _, heard = from_executors(as_arrived(spoken, reader), put, redis)
    if heard:
        log.info("%s: batch %d, %s statements were heard", NAME, batch, f"{heard:,}")


def _has_begun(redis: RedisSettings) -> bool:
    with redis_faults(redis):
        return bool(connect(redis).exists(Keys(redis.prefix).heard))


def begin_anew(lake: Lake) -> None:
    """All that silver.consents has into Redis; the stream then hears again all that the topic has. Killed half-way, it
    is done again."""
    redis = lake.settings.redis

    def put(client: Redis, rows: Any) -> int:
        words = [
            Word(id_, purpose, KINDS[said_by, is_granted], at, arrived)
            for id_, purpose, is_granted, said_by, at, arrived in rows.itertuples(index=False, name=None)
        ]
        update_consents(client, redis, words)
        return len(words)

    record = said_under_ids(lake)
    if record is not None:
        from_executors(record, put, redis)
    kafka_stream.restart(lake, NAME, None)
    with redis_faults(redis):
        connect(redis).set(Keys(redis.prefix).heard, datetime.now(UTC).isoformat())


def main(lake: Lake, options: Options) -> int:
    settings = lake.settings
    reader = reader_of(settings)
    if not _has_begun(settings.redis):
        log.info("%s: begins anew, from silver.consents and the start of the topic", NAME)
        begin_anew(lake)
    return kafka_stream.run(
        lake,
        NAME,
        lambda messages, batch: land(messages, batch, reader, settings.redis),
        every_seconds=options.every(settings.live.trigger_seconds),
        accept_loss=options.accept_loss,
    )


def rebuild(lake: Lake) -> None:
    """The next run hears again all that is on record and in Kafka, which changes nothing that was heard before."""
    with redis_faults(lake.settings.redis):
        connect(lake.settings.redis).delete(Keys(lake.settings.redis.prefix).heard)


JOB = Job(
    NAME,
    main,
    reads=("kafka",),
    looks_back=("silver.consents",),
    also_writes=("redis",),
    stays=True,
    flags=("accept_loss",),
    before=require,
    rebuild=rebuild,
)

if __name__ == "__main__":
    submit(JOB)

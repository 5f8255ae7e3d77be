"""live.consents: what each person allows, kept in Redis some seconds behind Kafka and not by way of the lake.

A denial of personalisation puts the person into the set of the suppressed, which whoever reads or writes their list
asks first, and deletes their lists of the current and the previous version. What was said under any identifier of a
person counts for the person; to whom identifiers belong publish.identities says. Statements may come late, in any order
and more than once. What breaks the contract is passed over: the lake quarantines it. Redis emptied: `lakehouse streams
rebuild live.consents`; until it is done what is published from the lake holds nobody who refused.
"""

import logging
from collections.abc import Iterator
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from redis import Redis

from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.landing import kafka_stream, topic
from jobs.landing.reading import Reader, held, reader_of
from jobs.live.valid_events import Event, as_arrived, micros, valid_events
from jobs.people.consent import IDS
from jobs.people.identifier import Identifier
from jobs.people.statements import statements_of
from jobs.redis_store.client import connect, require_lasting
from jobs.redis_store.writing import KINDS, Word, from_executors, update_consents
from jobs.settings.loading import Settings
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

    with held(messages.where(may_speak()), reader) as spoken:
        _, heard = from_executors(as_arrived(spoken, reader), put, redis)
    if heard:
        log.info("%s: batch %d, %s statements were heard", NAME, batch, f"{heard:,}")


def require(settings: Settings) -> None:
    """Raises OperatorError where a secret, the broker, the topic or a Redis that keeps its keys is missing."""
    reader_of(settings)
    topic.require(settings)
    require_lasting(connect(settings.redis), settings.redis)


def main(lake: Lake, options: Options) -> int:
    settings = lake.settings
    reader = reader_of(settings)
    return kafka_stream.run(
        lake,
        NAME,
        lambda messages, batch: land(messages, batch, reader, settings.redis),
        every_seconds=options.every(settings.live.trigger_seconds),
        accept_loss=options.accept_loss,
    )


def rebuild(lake: Lake) -> None:
    """Begins at the topic's start: what was heard before is heard again, and changes nothing."""
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

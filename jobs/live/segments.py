"""live.segments: who is in which segment now, in Redis seconds behind Kafka, exits included when a window just ends.

The rules are those of gold.segments (conf/segments.toml), evaluated by the same function. What they may look at of each
person lies in Redis; what breaks the contract is passed over, and messages may come late, in any order and more than
once. A Redis that was emptied, and rules that look at other events, are noticed: the state is begun anew from
silver.events, and Kafka is read from where that ends. What it says of items and of people's attributes is noticed when
it changes, where a rule asks for it.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pyspark import Broadcast
from pyspark.sql import DataFrame
from redis import Redis

from jobs.hooks import targets as hooks
from jobs.hooks.telling import telling
from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.landing import kafka_stream
from jobs.landing.contracts import in_force
from jobs.landing.reading import Reader, held, reader_of
from jobs.live import requirements
from jobs.live.segment_beginning import NAME, begin_anew, go_on_by, holds_what_is_asked
from jobs.live.segment_lookups import (
    attributes,
    catalogue,
    catalogue_seen,
    says_otherwise,
    take_up_attributes,
    versions,
)
from jobs.live.segment_state import Membership, News, NoState, look_at_due, take_up
from jobs.live.valid_events import Event, as_arrived, micros, valid_events
from jobs.people.consent import IDS
from jobs.people.identifier import Identifier
from jobs.redis_store.client import connect
from jobs.redis_store.faults import RedisFault, redis_faults
from jobs.redis_store.keys import Keys
from jobs.redis_store.live_segments import begun_by, end_begin
from jobs.redis_store.writing import from_executors
from jobs.segment_rules import memory
from jobs.segment_rules.definitions import segments_in_force
from jobs.segment_rules.entries import Items
from jobs.segment_rules.memory import Kept
from jobs.segment_rules.tracks import rules_of
from jobs.segment_rules.vocabulary import event_fields
from jobs.segments import rule_sets
from jobs.segments.canary import RuleSets
from jobs.settings.loading import Settings
from jobs.settings.redis_settings import RedisSettings

IDLE_SECONDS = 0.2
"""How long the clock rests when nobody's time has come."""

LAKE_SECONDS = 20.0
"""How often it is asked whether the lake has other rules, another catalogue or other attributes."""

log = logging.getLogger(__name__)


def membership_of(lake: Lake, sets: RuleSets) -> Membership:
    """By those rules, and what the lake says now of items where they ask for it."""
    settings, known = lake.settings, sets.all
    rules = rules_of(known.values(), known, event_fields(in_force(settings.contracts)()))
    told = [*sorted((one.name, one.purpose, one.version) for one in known.values()), (sets.draw, sets.share)]
    kept = memory.signature(rules), catalogue_seen(lake, rules)
    return Membership(sets, rules, settings.consent, f"{_digest(kept)} {_digest(told)}")


def _digest(parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def news_of(events: Iterator[Event], membership: Membership, items: Items) -> News:
    """What rules look at of the events, by the identifier that each is kept under: the user's, else the visitor's."""
    news: dict[str, list[Kept]] = {}
    for fields, occurred_at, _ in events:
        name = next(one for one in IDS if fields.get(one) is not None)
        of_person = news.setdefault(Identifier(name, fields[name]).own_person_id, [])
        payload = fields["payload"]
        event = {**fields, "occurred_at": micros(occurred_at), "lines": payload.get("lines")}
        if (kept := memory.kept(fields["event_id"], event, membership.rules, items)) is not None:
            of_person.append(kept)
    return news


def land(
    messages: DataFrame,
    batch: int,
    reader: Reader,
    redis: RedisSettings,
    membership: Membership,
    items: "Broadcast[Items]",
) -> None:
    """One micro-batch of messages, from the executors into Redis. Doing it again changes nothing.

    Raises NoState where Redis was emptied, and RedisFault when it does not take what came.
    """
    contract, protection, keys = reader.contract(), reader.protection, Keys(redis.prefix)

    def put(client: Redis, rows: Any) -> int:
        events = valid_events([*rows.itertuples(index=False, name=None)], contract, protection)
        return take_up(client, keys, membership, news_of(events, membership, items.value))

    with held(messages, reader) as arrived:
        try:
            _, changes = from_executors(as_arrived(arrived, reader), put, redis)
        except RedisFault:
            require_state(connect(redis), keys, membership)
            raise
    if changes:
        log.info("%s: batch %d, %s changes of who is in a segment", NAME, batch, f"{changes:,}")


def has_state(client: Redis, keys: Keys, membership: Membership) -> bool:
    """Whether Redis holds the state, and by these rules."""
    return begun_by(client, keys) == membership.begun_by


def require_state(client: Redis, keys: Keys, membership: Membership) -> None:
    """Raises NoState where it does not."""
    if not has_state(client, keys, membership):
        raise NoState(f"{NAME}: Redis holds no state by these rules any more; it is begun anew")


def require_same(lake: Lake, membership: Membership) -> None:
    """Raises NoState where other rules are in force now, or the catalogue says otherwise of what they ask for."""
    if membership_of(lake, rule_sets.current(lake)).begun_by != membership.begun_by:
        raise NoState(f"{NAME}: other rules are in force now, or another catalogue; it is begun anew")


@contextmanager
def clock(lake: Lake, membership: Membership, seen: Mapping[str, int]) -> Iterator[list[Exception]]:
    """While the block lasts, one thread looks at the people whose time has come, and another at the lake, of which
    `seen` was known when the job began. They end the stream where they cannot; what kept them is in the list then."""
    redis, stop, faults = lake.settings.redis, threading.Event(), list[Exception]()
    client, keys = connect(redis), Keys(redis.prefix)

    def tick() -> None:
        while not stop.is_set():
            with redis_faults(redis):
                require_state(client, keys, membership)
                looked_at = look_at_due(client, keys, membership)
            if not looked_at:
                stop.wait(IDLE_SECONDS)

    def watch() -> None:
        known = seen
        while not stop.wait(LAKE_SECONDS):
            before, known = known, versions(lake)
            has_other_rules, has_other_attributes = says_otherwise(before, known, membership.rules)
            if has_other_rules:
                require_same(lake, membership)
            if has_other_attributes:
                now = datetime.now(UTC)
                take_up_attributes(lake, attributes(lake, membership.sets, membership.rules, now))

    def until_stopped(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # whatever it is: without a clock nobody would leave a segment any more
            faults.append(error)
            for query in lake.spark.streams.active:
                if query.name == NAME:
                    query.stop()

    threads = [
        threading.Thread(target=until_stopped, args=(work,), name=f"{NAME} {work.__name__}", daemon=True)
        for work in (tick, watch)
    ]
    for thread in threads:
        thread.start()
    try:
        yield faults
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def require(settings: Settings) -> None:
    """Raises OperatorError where a rule cannot be read, hooks cannot be told, and as that of all live jobs."""
    segments = segments_in_force(settings, in_force(settings.contracts)())
    requirements.require(settings)
    hooks.require(settings, segments)


def main(lake: Lake, options: Options) -> int:
    seen = versions(lake)  # first: what changes from now on is noticed
    settings, reader, sets = lake.settings, reader_of(lake.settings), rule_sets.current(lake)
    membership = membership_of(lake, sets)
    redis, items = settings.redis, catalogue(lake)
    client, keys = connect(redis), Keys(redis.prefix)
    # A stream that stays looks from now, whenever it is started again.
    as_of = datetime.now(UTC) if options.continuous else options.as_of
    with redis_faults(redis):
        is_begun = has_state(client, keys, membership)
        holds_enough = holds_what_is_asked(client, keys, membership)
    if not holds_enough:
        log.info("%s: the state is begun anew, from silver.events", NAME)
        begin_anew(lake, membership, items, as_of, JOB.looks_back)
    else:
        take_up_attributes(lake, attributes(lake, sets, membership.rules, as_of))
    if holds_enough and not is_begun:
        log.info("%s: other rules are in force, of the same events; everybody is looked at anew", NAME)
        with redis_faults(redis):
            go_on_by(client, keys, membership)
    with clock(lake, membership, seen) as faults, telling(settings, lambda: has_state(client, keys, membership)):
        read = kafka_stream.run(
            lake,
            NAME,
            lambda messages, batch: land(messages, batch, reader, redis, membership, items),
            every_seconds=options.every(settings.live.trigger_seconds),
            accept_loss=options.accept_loss,
        )
    if faults:
        raise faults[0]
    return read


def rebuild(lake: Lake) -> None:
    """The next run begins anew."""
    with redis_faults(lake.settings.redis):
        end_begin(connect(lake.settings.redis), Keys(lake.settings.redis.prefix), "")


JOB = Job(
    NAME,
    main,
    reads=("kafka",),
    looks_back=("silver.events", "silver.consents", "silver.identities"),
    also_writes=("redis",),
    stays=True,
    flags=("accept_loss",),
    before=require,
    rebuild=rebuild,
)

if __name__ == "__main__":
    submit(JOB)

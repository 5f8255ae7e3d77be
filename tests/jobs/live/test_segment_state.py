"""Live segments on a real Redis: what comes of events in whatever order, at whatever time, is what the rules say of all
of them at once."""

import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from expectations.contract import PURPOSES, committed_contract
from jobs.live.segment_state import Membership, NoState, look_at_due, take_up
from jobs.redis_store.client import connect
from jobs.redis_store.identities import update_identities
from jobs.redis_store.keys import Keys
from jobs.redis_store.live_segments import begin, end_begin
from jobs.redis_store.writing import Word, update_consents
from jobs.segment_rules import memory
from jobs.segment_rules.definitions import segments_of
from jobs.segment_rules.memory import Kept
from jobs.segment_rules.tracks import rules_of
from jobs.segment_rules.vocabulary import Vocabulary, event_fields
from jobs.segments.canary import RuleSets
from jobs.settings.loading import load
from tests.jobs.segment_rules.histories import (
    DAY,
    HOUR,
    ITEMS,
    LEARNED,
    MINUTE,
    NOW,
    Event,
    drawn_history,
    drawn_rule,
    holds,
)
from tests.redis_server import RedisServer, redis_server

KEYS = Keys("rec")
FIELDS = event_fields(committed_contract())


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Redis:
    server.admin.flushall()
    return server.admin


def membership_by(rules: dict[str, str]) -> Membership:
    """Of segments for personalisation."""
    common = {"title": "-", "owner": "-", "purpose": "personalisation"}
    return membership_of({name: {**common, "rule": text} for name, text in rules.items()})


def membership_of(told: dict[str, dict[str, str]]) -> Membership:
    """In a shop where it is always NOW, and everybody allows everything unasked."""
    segments = segments_of(told, Vocabulary(FIELDS, scores={"intent": LEARNED}))
    consent = load("local").consent.model_copy(update={"personalisation": True, "marketing": True})
    return Membership(RuleSets(segments), rules_of(segments.values(), segments, FIELDS), consent, "test", lambda _: NOW)


def begun(client: Redis, membership: Membership) -> Membership:
    begin(client, KEYS, "not yet")
    end_begin(client, KEYS, membership.begun_by)
    return membership


def kept(events: Iterable[tuple[str, Event]], membership: Membership) -> list[Kept]:
    each = [
        memory.kept(
            id_, {**one, "occurred_at": one["at"], "lines": one["payload"].get("lines")}, membership.rules, ITEMS
        )
        for id_, one in events
    ]
    return [one for one in each if one is not None]


def at(membership: Membership, now: int) -> Membership:
    return replace(membership, clock=lambda _: now)


def look(client: Redis, membership: Membership) -> None:
    while look_at_due(client, KEYS, membership):
        pass


def segments(client: Redis, person: str) -> set[str]:
    return {*client.hkeys(KEYS.segments(person))}


def shipped() -> dict[str, str]:
    from jobs.settings import toml_files

    return {name: table["rule"] for name, table in toml_files.read_named("segments").items()}


def test_whatever_comes_whenever_it_is_what_the_rules_say_of_all_of_it(client: Redis) -> None:
    """2,000 people: their events arrive in any order, late, some twice, while time goes on. After each step everybody
    is in the segments that the plainest evaluation of what has arrived says, though to most of them nothing happened.
    """
    draw = random.Random(7)
    drawn = {f"drawn_{number}": drawn_rule(draw) for number in range(12)}
    membership = begun(client, membership_by({**shipped(), **drawn}))
    arriving: list[list[tuple[str, str, Event]]] = [[] for _ in INSTANTS]
    for person in (f"p{number}" for number in range(2_000)):
        for number, event in enumerate(drawn_history(draw)):
            may_arrive = [step for step, now in enumerate(INSTANTS) if event["at"] <= now + 5 * MINUTE] or [3]
            step = may_arrive[0] if draw.random() < 0.6 else draw.choice(may_arrive)
            for one in (step, 3) if draw.random() < 0.1 else (step,):
                arriving[one].append((person, f"{person}-{number}", event))
    arrived: dict[str, dict[str, Event]] = {}
    before: dict[str, set[str]] = {}
    entered = left = 0
    for now, batch in zip(INSTANTS, arriving, strict=True):
        current = replace(membership, clock=lambda _, now=now: now)
        look(client, current)
        shuffled = draw.sample(batch, len(batch))
        for part in (shuffled[::2], shuffled[1::2]):
            news: dict[str, list[Kept]] = {}
            for person, id_, event in part:
                news.setdefault(person, []).extend(kept([(id_, event)], membership))
                arrived.setdefault(person, {})[id_] = event
            take_up(client, KEYS, current, news)
        for person, events in arrived.items():
            known, history = membership.rules.known, [*events.values()]
            found = segments(client, person)
            expected = {name for name in known if holds(known[name], history, known, now, {})}
            assert found == expected, (person, found ^ expected, history)
            former = before.get(person, set())
            entered, left, before[person] = entered + len(found - former), left + len(former - found), found
    assert entered > 5_000 and left > 1_000


INSTANTS = (NOW - 30 * DAY, NOW - HOUR, NOW, NOW + 31 * MINUTE)

CART = {"holders": 'any("add_to_cart", within="30m") and not any("purchase", after=last("add_to_cart"))'}


def event(name: str, when: int) -> Event:
    return {"event_type": name, "at": when, "context": {}, "payload": {"item_id": "coat"}}


def changes(client: Redis) -> list[tuple[str, str, str, str]]:
    read: Any = client.xrange(KEYS.segment_changes)
    return [(one["person"], one["segment"], one["kind"], one["cause"]) for _, one in read]


def test_who_enters_leaves_when_the_window_ends_though_nothing_happens(client: Redis) -> None:
    membership = begun(client, membership_by(CART))
    put = {"p": kept([("1", event("add_to_cart", NOW))], membership)}
    assert [take_up(client, KEYS, membership, put) for _ in range(3)] == [1, 0, 0], "again, it changes nothing"
    for later, within in ((30 * MINUTE - 1, {"holders"}), (30 * MINUTE, set())):
        look(client, replace(membership, clock=lambda _, later=later: NOW + later))
        assert segments(client, "p") == within, later
    assert changes(client) == [("p", "holders", "enter", "event"), ("p", "holders", "leave", "expiry")]
    assert not client.exists(KEYS.due), "nothing is to come of it any more"


def test_a_clock_that_is_set_back_puts_everybody_where_they_were_then(client: Redis) -> None:
    membership = begun(client, membership_by(CART))
    names = [f"p{number}" for number in range(450)]
    for name in names:
        take_up(client, KEYS, membership, {name: kept([(name, event("add_to_cart", NOW))], membership)})
    look(client, at(membership, NOW + HOUR))
    assert all(segments(client, name) == set() for name in names)
    look(client, at(membership, NOW + 10 * MINUTE))
    assert all(segments(client, name) == {"holders"} for name in names)
    look(client, at(membership, NOW + 30 * MINUTE))
    assert all(segments(client, name) == set() for name in names)


def test_what_no_rule_looks_at_any_more_is_not_kept(client: Redis) -> None:
    membership = begun(
        client, membership_by({"lately": 'any("search", within="1h")', "ever": 'count("purchase") == 2'})
    )
    old = [
        ("1", event("purchase", NOW - 400 * DAY)),
        ("2", event("search", NOW - 2 * DAY)),
        ("3", event("rating", NOW)),
    ]
    take_up(client, KEYS, membership, {"p": kept(old, membership)})
    assert [one.at for one in memory.from_text(client.get(KEYS.events("p")))] == [NOW - 400 * DAY]
    take_up(client, KEYS, membership, {"p": kept([("4", event("purchase", NOW))], membership)})
    assert segments(client, "p") == {"ever"}


def test_a_merge_brings_together_what_was_done_under_each_name_and_a_split_takes_it_apart(client: Redis) -> None:
    membership = begun(client, membership_by({"twice": 'count("purchase") == 2', "once": 'count("purchase") == 1'}))
    settings = load("local").redis
    for number, one in enumerate(("9", "anonymous_id:a")):
        take_up(client, KEYS, membership, {one: kept([(str(number), event("purchase", NOW - DAY))], membership)})
    update_identities(client, settings, [("anonymous_id:a", "9")])
    look(client, membership)
    assert segments(client, "9") == {"twice"} and segments(client, "anonymous_id:a") == set()
    assert ("anonymous_id:a", "once", "leave", "identity") in changes(client), "the name is left, and it is told"
    take_up(client, KEYS, membership, {"anonymous_id:a": kept([("3", event("purchase", NOW))], membership)})
    assert segments(client, "9") == set(), "a third, under the visitor's name"
    update_identities(client, settings, [("anonymous_id:a", "anonymous_id:a")])
    look(client, membership)
    assert segments(client, "9") == {"once"} and segments(client, "anonymous_id:a") == {"twice"}
    assert {cause for *_, cause in changes(client)} == {"event", "identity"}


def test_who_refuses_a_purpose_leaves_its_segments_and_who_is_not_to_be_counted_is_not(
    client: Redis,
) -> None:
    told = {name: {"title": "-", "owner": "-", "purpose": name, "rule": 'any("product_view")'} for name in PURPOSES}
    membership = begun(client, membership_of(told))
    settings = load("local").redis
    take_up(client, KEYS, membership, {"p": kept([("1", event("product_view", NOW))], membership)})
    assert segments(client, "p") == {*PURPOSES}
    left = {*PURPOSES}
    for step, purpose in enumerate(("marketing", "personalisation"), 1):
        update_consents(client, settings, [Word("p", purpose, "pd", step, step)])
        look(client, membership)
        left -= {purpose}
        assert segments(client, "p") == left
    assert {(segment, cause) for _, segment, kind, cause in changes(client) if kind == "leave"} == {
        ("marketing", "consent"),
        ("personalisation", "consent"),
    }
    word = 2 * DAY
    update_consents(client, settings, [Word("p", "marketing", "pg", word, word), Word("p", "analytics", "pd", 9, 9)])
    look(client, membership)
    take_up(client, KEYS, membership, {"p": kept([("2", event("product_view", NOW))], membership)})
    take_up(client, KEYS, membership, {"p": kept([("3", event("purchase", NOW - 1))], membership)})
    assert segments(client, "p") == {"marketing"}
    assert [one.at for one in memory.from_text(client.get(KEYS.events("p")))] == [NOW], "what the lake has, and no more"


def test_many_at_once_lose_nothing_of_each_other(server: RedisServer, client: Redis) -> None:
    """Two drivers, each with the events of all: every event counts once, whoever takes it up."""
    membership = begun(client, membership_by({"all": 'count("product_view") == 60'}))
    drivers = [random.Random(number).sample(range(60), 60) for number in range(4)]

    def drive(numbers: list[int]) -> None:
        own = connect(server.settings())
        for number in numbers:
            views = {"p": kept([(str(number), event("product_view", NOW - number))], membership)}
            take_up(own, KEYS, membership, views)

    with ThreadPoolExecutor(len(drivers)) as pool:
        list(pool.map(drive, drivers))
    assert segments(client, "p") == {"all"}
    assert len(memory.from_text(client.get(KEYS.events("p")))) == 60


@pytest.mark.parametrize("emptied", [True, False])
def test_a_redis_that_was_emptied_or_is_of_other_rules_is_not_written_to(client: Redis, emptied: bool) -> None:
    membership = begun(client, membership_by(CART))
    take_up(client, KEYS, membership, {"p": kept([("1", event("add_to_cart", NOW))], membership)})
    if emptied:
        client.flushall()
    with pytest.raises(NoState):
        take_up(client, KEYS, replace(membership, begun_by="other" if not emptied else "test"), {"p": []})
    assert not client.exists(KEYS.events("p")) or not emptied


def test_begun_by_other_rules_everybody_is_looked_at(client: Redis) -> None:
    former = begun(client, membership_by({"old": 'any("search")', "both": 'any("search")'}))
    take_up(client, KEYS, former, {"p": kept([("1", event("search", NOW))], former)})
    begun(client, membership := membership_by({"both": 'any("product_view")'}))
    assert segments(client, "p") == {"old", "both"}, "until it is known that they are not"
    look(client, membership)
    assert segments(client, "p") == set()
    assert changes(client)[-2:] == [("p", "both", "leave", "rules"), ("p", "old", "leave", "rules")]

"""People's segments brought up to date in Redis: by new events, and because their time has come.

A person is read, worked out, and written only if nobody changed them since. Two drivers, or a merge that comes between,
cost a second try and nothing else.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from redis import Redis

from expectations.contract import PURPOSES
from jobs.redis_store.faults import RedisFault
from jobs.redis_store.keys import Keys
from jobs.redis_store.live_segments import (
    AT_ONCE,
    CLOCK_DUE,
    Change,
    Known,
    Update,
    due_people,
    is_set_back,
    known_people,
    look_at_everybody,
    note_time,
    time_in,
    update_segments,
)
from jobs.segment_rules import memory
from jobs.segment_rules.definitions import Segment
from jobs.segment_rules.memory import Kept
from jobs.segment_rules.person import NEVER
from jobs.segment_rules.tracks import Rules
from jobs.segments.canary import RuleSets
from jobs.settings.consent_settings import ConsentSettings

log = logging.getLogger(__name__)

TRIES = 20
ENTER, LEAVE = "enter", "leave"
EVENT, CONSENT, RULES = "event", "consent", "rules"
"""Causes; further ones are those of `due_people`."""

News = Mapping[str, Sequence[Kept]]
"""By identifier, as a person of its own, what is new under it."""


class NoState(RedisFault):
    """Redis holds no state of live segments, or one of other rules: it is to be begun anew."""


@dataclass(frozen=True)
class Membership:
    """Who is in which segment, by which rules. `begun_by`: what the state in Redis must have been begun by: what is
    kept of an event, and behind a blank the rules. `clock`: what time it is in the shop by Redis's time, both in
    microseconds: the same, but in a simulation."""

    sets: RuleSets
    rules: Rules
    consent: ConsentSettings
    begun_by: str
    clock: Callable[[int], int] = int


def take_up(client: Redis, keys: Keys, membership: Membership, news: News, cause: str = EVENT) -> int:
    """Takes up new events, once or more than once. Returns how many segments were entered and left.

    Raises NoState, and RedisFault where others change the same people all the time.
    """
    ids = [*news]
    parts = [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
    return sum(_settled(client, keys, membership, dict.fromkeys(part, cause), news) for part in parts)


def look_at_due(client: Redis, keys: Keys, membership: Membership) -> int:
    """Looks at up to AT_ONCE people whose time has come. Returns how many they were; raises as `take_up` does."""
    now = membership.clock(time_in(client))
    if is_set_back(client, keys, now):
        log.warning("the clock of Redis was set back; everybody is looked at anew")
        look_at_everybody(client, keys, CLOCK_DUE)
    note_time(client, keys, now)
    causes = due_people(client, keys, now)
    if causes:
        _settled(client, keys, membership, causes, {})
    return len(causes)


def _settled(client: Redis, keys: Keys, membership: Membership, causes: Mapping[str, str], news: News) -> int:
    """`causes`: by identifier why its person is looked at."""
    changes, waiting = 0, {*causes}
    for _ in range(TRIES):
        time, begun_by, people = known_people(client, keys, waiting)
        if begun_by != membership.begun_by:
            raise NoState("Redis holds no state of live segments by these rules")
        updates = [_update(known, membership, causes, news, membership.clock(time)) for known in people]
        refused = update_segments(client, keys, updates)
        changes += sum(len(one.changes) for one in updates if one.known.person not in refused)
        waiting &= {id_ for known in people if known.person in refused for id_ in known.events}
        if not waiting:
            return changes
    raise RedisFault(f"{len(waiting)} people were changed by others {TRIES} times in a row; see who else runs this job")


def _update(known: Known, membership: Membership, causes: Mapping[str, str], news: News, now: int) -> Update:
    rules, allowed = membership.rules, _allowed(known, membership.consent)
    events, changed = [], {}
    for id_, text in known.events.items():
        former, new = memory.from_text(text), news.get(id_, ())
        if "analytics" not in allowed and causes.get(id_) == EVENT:
            new = memory.without(new, rules, membership.consent.behaviour)  # the lake lets none of it in either
        own = memory.of_use([*former, *new], rules, now)
        if own != former:
            changed[id_] = memory.as_text(own)
        events += own
    attributes = msgspec.json.decode(known.attributes) if known.attributes else None
    person = memory.remembered({one.key: one for one in events}.values(), rules, attributes)
    judged_by = membership.sets.of_person(known.person)
    segments, until = memory.standing(person, judged_by, rules, allowed, now)
    since = {name: known.segments.get(name, now) for name in segments}
    cause = next(causes[id_] for id_ in known.events if id_ in causes)
    entered = [Change(name, ENTER, cause) for name in sorted(segments - known.segments.keys())]
    left = [
        Change(name, LEAVE, _why_left(judged_by.get(name), allowed, cause)) for name in known.segments.keys() - segments
    ]
    return Update(known, None if until == NEVER else int(until), changed, since, [*entered, *sorted(left)])


def _why_left(segment: Segment | None, allowed: Collection[str], cause: str) -> str:
    if segment is None:
        return RULES
    return cause if segment.purpose in allowed else CONSENT


def _allowed(known: Known, consent: ConsentSettings) -> frozenset[str]:
    return frozenset(one for one in PURPOSES if known.said.get(one, getattr(consent, one)))

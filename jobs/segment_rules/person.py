"""One person as rules see them, and what a rule comes to. Instants are whole microseconds since 1970."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from jobs.segment_rules.rule import Track, Value

SECOND = 1_000_000
SESSION_GAP = 30 * 60 * SECOND
"""A session ends when so long nothing has happened."""

SESSION_AT_MOST = 24 * 3600 * SECOND
"""What is longer ago counts for no session: a client that never rests would have one without end, and no event of it
could ever be left out."""

NEVER = math.inf
UNIT = 1_000_000
"""Numbers of events are kept as whole millionths: their sum is then the same in whatever order they are added."""

Outcome = tuple[Value | int | None, float]
"""A value, None where something is missing; and the first instant at which it may be another without an event, NEVER
where only an event changes it."""


class Seen(NamedTuple):
    """The events of one track, the earliest first: `instants`, and beside each the values of the fields asked for, of
    all its lines; a number in whole millionths."""

    instants: Sequence[int] = ()
    values: Mapping[str, Sequence[Sequence[int | str | bool]]] = {}


class Person(NamedTuple):
    """What is known of one person. `activity`: the instants of all their events, the earliest first, by which sessions
    are told."""

    tracks: Mapping[Track, Seen]
    activity: Sequence[int] = ()
    attributes: Mapping[str, str] = {}


Evaluator = Callable[[Person, int], Outcome]
"""What a rule comes to for a person at an instant. Events later than that count for nothing yet; until when the outcome
stays so knows of them."""

NOTHING = Seen()

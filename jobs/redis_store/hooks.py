"""What hooks are told, in Redis: each target reads the stream of changes by a group of its own.

A target's hash has `number` (of the last change that it was handed), counts of what became of them (`told`,
`overtaken`: not true any more, `dead`, `lost`: cut off before it was told), and, while it takes nothing,
`failing_since` (in seconds) and `reason`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from redis import Redis
from redis.exceptions import ResponseError

from jobs.redis_store.faults import RedisFault
from jobs.redis_store.keys import Keys
from jobs.redis_store.reading import script

DEAD_KEPT = 100_000
"""Dead letters that are kept of a target; of more, the oldest are lost."""
CONSUMER = "delivery"
AT_A_TIME = 1000

Fate = Literal["told", "overtaken", "dead", "lost"]


class NoGroup(RedisFault):
    """The target's group is gone: Redis was emptied."""


class Change(NamedTuple):
    """Somebody entered or left a segment. `id`: of its entry in the stream. `kind`: enter or leave."""

    id: str
    person: str
    segment: str
    kind: str
    cause: str

    @property
    def at(self) -> datetime:
        """When it was written, by Redis's clock."""
        return datetime.fromtimestamp(int(self.id.partition("-")[0]) / 1000, UTC)


class DeadLetter(NamedTuple):
    """A change that a target was not told. `letter`: the id of its entry among the dead letters."""

    letter: str
    change: Change
    reason: str


class Standing(NamedTuple):
    """How far a target is. `waiting`: changes that it is still to be told of, or passed over as of other segments.
    `failing_since`: None where it takes what it is told."""

    told: int
    overtaken: int
    dead: int
    lost: int
    waiting: int
    failing_since: datetime | None
    reason: str


def join(client: Redis, keys: Keys, target: str) -> bool:
    """Makes the target's group where there is none: it is told what changes from now on. Returns whether it was."""
    names = (keys.segment_changes, keys.change_count, keys.hook(target))
    return bool(client.eval(script("hooks_join"), 3, *names, _group(target)))


def new_changes(client: Redis, keys: Keys, target: str, most: int) -> tuple[list[Change], int]:
    """The next changes that nobody was handed, which are the target's from then on; and how many before them the stream
    has lost. Raises NoGroup."""
    try:
        answer: Any = client.eval(
            script("hooks_read"), 2, keys.segment_changes, keys.hook(target), _group(target), CONSUMER, most
        )
    except ResponseError as error:
        raise _missing(error, target) from None
    rows, lost = answer
    return [_change(id_, dict(zip(fields[::2], fields[1::2], strict=True))) for id_, fields in rows], int(lost)


def handed_changes(client: Redis, keys: Keys, target: str, after: str, most: int) -> tuple[list[Change], int, str]:
    """Those that a process before this one was handed and did not settle, from behind the id `after` on; how many of
    them the stream has lost, which are settled as lost; and the last id, empty where there are none. Raises NoGroup."""
    try:
        answer: Any = client.xreadgroup(_group(target), CONSUMER, {keys.segment_changes: after}, count=most)
    except ResponseError as error:
        raise _missing(error, target) from None
    rows = [row for _, part in answer for row in part]
    gone = [id_ for id_, fields in rows if not fields]
    for id_ in gone:
        settle(client, keys, target, id_, "lost")
    changes = [_change(id_, fields) for id_, fields in rows if fields]
    return changes, len(gone), rows[-1][0] if rows else ""


def pass_over(client: Redis, keys: Keys, target: str, changes: Sequence[Change]) -> None:
    """The target is not told of these."""
    if changes:
        client.xack(keys.segment_changes, _group(target), *[one.id for one in changes])


def settle(client: Redis, keys: Keys, target: str, id_: str, fate: Fate) -> None:
    """The change is done with, and counted: once, however often it is said."""
    _settle(client, keys, target, id_, fate, [])


def bury(client: Redis, keys: Keys, target: str, change: Change, reason: str) -> None:
    """The change is a dead letter, and the target's next one is told."""
    fields = [part for pair in {**change._asdict(), "reason": reason}.items() for part in pair]
    _settle(client, keys, target, change.id, "dead", fields)


def hold(client: Redis, keys: Keys, target: str, process: str, seconds: float, change: Change | None) -> str:
    """`lost` where another process tells the target; else this one does, for so long, and of the change's person: `in`
    where they are in its segment now, or `out`."""
    person, segment = (change.person, change.segment) if change else ("", "")
    answer: Any = client.eval(
        script("hooks_hold"),
        2,
        keys.hook_lease(target),
        keys.segments(person),
        process,
        round(seconds * 1000),
        segment,
    )
    return str(answer)


def release(client: Redis, keys: Keys, target: str, process: str) -> None:
    """Another process may tell the target at once."""
    if client.get(keys.hook_lease(target)) == process:
        client.delete(keys.hook_lease(target))


def note_failing(client: Redis, keys: Keys, target: str, since: float, reason: str) -> None:
    client.hset(keys.hook(target), mapping={"failing_since": since, "reason": reason})


def note_taking(client: Redis, keys: Keys, target: str) -> None:
    client.hdel(keys.hook(target), "failing_since", "reason")


def standing(client: Redis, keys: Keys, target: str) -> Standing | None:
    """None where it was never begun."""
    noted: Any = client.hgetall(keys.hook(target))
    if "number" not in noted:
        return None
    try:
        handed: Any = client.xpending(keys.segment_changes, _group(target))
    except ResponseError:
        handed = {"pending": 0}
    last: Any = client.get(keys.change_count)
    waiting = max(0, int(last or 0) - int(noted["number"])) + int(handed["pending"])
    told, overtaken, dead, lost = (int(noted.get(name, 0)) for name in ("told", "overtaken", "dead", "lost"))
    since = datetime.fromtimestamp(float(noted["failing_since"]), UTC) if "failing_since" in noted else None
    return Standing(told, overtaken, dead, lost, waiting, since, noted.get("reason", ""))


def dead_letters(client: Redis, keys: Keys, target: str) -> Iterator[DeadLetter]:
    """Those that are there now, the oldest first."""
    newest: Any = client.xrevrange(keys.dead_letters(target), count=1)
    after = "-"
    while newest:
        rows: Any = client.xrange(keys.dead_letters(target), after, newest[0][0], count=AT_A_TIME)
        if not rows:
            return
        for letter, fields in rows:
            yield DeadLetter(letter, _change(fields["id"], fields), fields["reason"])
        after = f"({rows[-1][0]}"


def dead_count(client: Redis, keys: Keys, target: str) -> int:
    count: Any = client.xlen(keys.dead_letters(target))
    return int(count)


def settle_letter(client: Redis, keys: Keys, target: str, letter: str, fate: Fate) -> None:
    """It is no dead letter any more."""
    if client.xdel(keys.dead_letters(target), letter):
        client.hincrby(keys.hook(target), fate, 1)


def is_in(client: Redis, keys: Keys, change: Change) -> bool:
    """Whether the change's person is in its segment now."""
    return bool(client.hexists(keys.segments(change.person), change.segment))


def _settle(client: Redis, keys: Keys, target: str, id_: str, fate: Fate, letter: Sequence[str]) -> None:
    client.eval(
        script("hooks_settle"),
        3,
        keys.segment_changes,
        keys.hook(target),
        keys.dead_letters(target),
        _group(target),
        id_,
        fate,
        DEAD_KEPT,
        *letter,
    )


def _group(target: str) -> str:
    return f"hooks:{target}"


def _change(id_: str, fields: dict[str, str]) -> Change:
    return Change(id_, fields["person"], fields["segment"], fields["kind"], fields["cause"])


def _missing(error: ResponseError, target: str) -> Exception:
    if "NOGROUP" in str(error):
        return NoGroup(f"Redis holds no group of the hook {target}: it was emptied")
    return error

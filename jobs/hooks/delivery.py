"""One target told of the changes, from its group in Redis: at least once, and those about a person in order.

Each change ends as told, overtaken (an enter of somebody who has left since), a dead letter, or lost (cut off the
stream before). It is the group's until then, so that a process that was killed leaves nothing untold. One process at a
time tells a target. What is in hand is held in memory only: after whatever went wrong it is read again from Redis.
"""

import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime

from redis import Redis

from jobs.hooks.answer import Answer
from jobs.hooks.message import message_of
from jobs.hooks.pace import Pace, Tries
from jobs.hooks.targets import Target
from jobs.redis_store import hooks as store
from jobs.redis_store.hooks import Change
from jobs.redis_store.keys import Keys
from jobs.settings.hooks_settings import HooksSettings

IN_HAND = 256
"""Changes that are read before those before them are settled."""
AT_A_TIME = 32
"""And that are tried in one round, each of another person."""
LEASE_SECONDS = 2.0
"""Added to twice the time that a try may take: so long after its last one a process that was killed is replaced."""
HOURS = 3600.0

log = logging.getLogger(__name__)


@dataclass
class InHand:
    """A change that is not settled."""

    change: Change
    tries: Tries = field(default_factory=Tries)


class Delivery:
    """To one target. `must_end`: asked before each try."""

    def __init__(
        self, client: Redis, keys: Keys, target: Target, hooks: HooksSettings, must_end: Callable[[], bool]
    ) -> None:
        self.client, self.keys, self.target, self.hooks, self.must_end = client, keys, target, hooks, must_end
        self.process = uuid.uuid4().hex
        self.pool = ThreadPoolExecutor(hooks.connections, thread_name_prefix=f"hook {target.name}")
        self.pace, self.reason = Pace(hooks), ""
        self.noted_failing: bool | None = None
        self.forget()

    def forget(self) -> None:
        """What is in hand is read again, from the first change that is not settled."""
        self.in_hand: dict[str, InHand] = {}
        self.handed_after: str | None = "0"

    def step(self) -> bool:
        """One round. Returns whether anything was tried or read; where not, there is time to rest.

        Raises NoGroup where Redis was emptied, and what redis-py raises.
        """
        if not self._holds(None):
            self.forget()
            return False
        read = self._fill()
        if self.pace.is_down:
            self._give_up_old()
        now = time.monotonic()
        ready = self._ready(now) if now >= self.pace.not_before else []
        tries = [self.pool.submit(self._try, one) for one in ready]
        wait(tries)  # also those beside one that raises: none of them is begun a second time before it has ended
        answers = [one.result() for one in tries]
        tried = [(one, answer) for one, answer in zip(ready, answers, strict=True) if answer is not None]
        if tried:
            self._judge(tried)
        return read or bool(tried)

    def is_idle(self) -> bool:
        """Whether nothing is left that could be told now."""
        return self.pace.is_down or not self.in_hand or time.monotonic() < self.pace.not_before

    def close(self) -> None:
        """Another process may go on at once."""
        self.pool.shutdown(cancel_futures=True)
        store.release(self.client, self.keys, self.target.name, self.process)

    def _holds(self, change: Change | None) -> str:
        """Empty where another process tells the target; else whether the change's person is `in` its segment."""
        seconds = 2 * self.hooks.timeout_seconds + LEASE_SECONDS
        answer = store.hold(self.client, self.keys, self.target.name, self.process, seconds, change)
        return "" if answer == "lost" else answer

    def _fill(self) -> bool:
        most, name = IN_HAND - len(self.in_hand), self.target.name
        if most <= 0:
            return False
        changes, lost = list[Change](), 0
        if self.handed_after is not None:
            changes, lost, last = store.handed_changes(self.client, self.keys, name, self.handed_after, most)
            self.handed_after = last or None
        if self.handed_after is None:
            changes, lost = store.new_changes(self.client, self.keys, name, most)
        if lost:
            log.warning("hook %s: %s changes were cut off before they could be told", name, f"{lost:,}")
        theirs = [one for one in changes if not self.target.segments or one.segment in self.target.segments]
        self.in_hand |= {one.id: InHand(one) for one in theirs}
        store.pass_over(self.client, self.keys, name, [one for one in changes if one not in theirs])
        return bool(changes)

    def _ready(self, now: float) -> list[InHand]:
        """The first change of each person, unless it is to wait; few of them where the target takes nothing."""
        heads = dict[str, InHand]()
        for one in self.in_hand.values():
            heads.setdefault(one.change.person, one)
        ready = [one for one in heads.values() if one.tries.not_before <= now]
        most = self.hooks.connections if self.pace.is_down else AT_A_TIME
        return sorted(ready, key=lambda one: one.tries.failures)[:most]

    def _try(self, one: InHand) -> Answer | None:
        """None where it was not tried, or there was nothing to tell any more."""
        change = one.change
        if self.must_end() or not (standing := self._holds(change)):
            return None
        if change.kind == "enter" and standing == "out":
            return self._settled(change, Answer("overtaken", ""))
        answer = self.target.tell(message_of(change))
        return self._settled(change, answer) if answer.kind in ("taken", "refused") else answer

    def _settled(self, change: Change, answer: Answer) -> Answer:
        """At once: the fewer are told twice if this process is killed."""
        name = self.target.name
        if answer.kind == "refused":
            store.bury(self.client, self.keys, name, change, answer.reason)
        else:
            store.settle(self.client, self.keys, name, change.id, "told" if answer.kind == "taken" else "overtaken")
        return answer

    def _judge(self, tried: list[tuple[InHand, Answer]]) -> None:
        now, pace = time.monotonic(), self.pace
        kinds = [answer.kind for _, answer in tried]
        if took := "taken" in kinds:
            if pace.is_down:
                for one in self.in_hand.values():
                    one.tries.not_before = now
            pace.note_taken(now)
        for one, answer in tried:
            if answer.kind not in ("failed", "throttled"):
                del self.in_hand[one.change.id]
                continue
            pace.note_failure(one.change.id, one.tries, answer.kind == "failed", took, now)
            if one.tries.counted >= self.hooks.tries:
                self._give_up(one, f"{answer.reason}; {one.tries.counted} tries, while others were taken")
            elif self._is_old(one):
                self._give_up(one, f"{answer.reason}; not taken for {self.hooks.give_up_hours:g} hours")
        if {*kinds} == {"overtaken"}:
            return
        if not took:
            pace.refused += kinds.count("refused")
            self.reason = next(answer.reason for _, answer in tried if answer.kind != "overtaken")
        pace.end_round(took, max(answer.wait_seconds for _, answer in tried), now)
        self._tell_of_failing(took)

    def _give_up(self, one: InHand, reason: str) -> None:
        store.bury(self.client, self.keys, self.target.name, one.change, reason)
        del self.in_hand[one.change.id]

    def _give_up_old(self) -> None:
        """The stream would lose them; dead letters can be replayed."""
        for one in [one for one in self.in_hand.values() if self._is_old(one)]:
            self._give_up(one, f"{self.reason}; nothing taken for {self.hooks.give_up_hours:g} hours")

    def _is_old(self, one: InHand) -> bool:
        return (datetime.now(UTC) - one.change.at).total_seconds() > self.hooks.give_up_hours * HOURS

    def _tell_of_failing(self, took: bool) -> None:
        """Once, when it begins and when it is over."""
        name, where = self.target.name, self.target.where
        if took and self.noted_failing is not False:
            store.note_taking(self.client, self.keys, name)
            if self.noted_failing:
                log.info("hook %s: %s takes what it is told again", name, where)
            self.noted_failing = False
        elif not took and not self.noted_failing and (self.pace.is_down or self.pace.rounds >= self.hooks.tries):
            store.note_failing(self.client, self.keys, name, time.time(), self.reason)
            log.warning("hook %s: %s takes nothing (%s); what is to be told waits", name, where, self.reason)
            self.noted_failing = True

"""How long a target is left alone, and what a failure says: of a change, or of the target as a whole.

A change that fails while others are taken is at fault itself, and a try of it counts. Where nothing is taken the target
is away: no try counts, but time does.
"""

import random
from dataclasses import dataclass, field

from jobs.settings.hooks_settings import HooksSettings

REFUSED_IN_A_ROW = 10
"""From so many on each further refusal slows the target down: it may be its address or a secret that is wrong."""


def pause_seconds(times: int, hooks: HooksSettings) -> float:
    """Before the try that follows `times` failures: twice as long each time, less up to half of it at random."""
    longest = min(hooks.longest_pause_seconds, hooks.first_pause_seconds * 2.0 ** min(times - 1, 60))
    return longest * random.uniform(0.5, 1.0)


@dataclass
class Tries:
    """Of one change. `failures`: all of them; `counted`: those that say that the change is at fault. `not_before`: when
    it may be tried again. Instants are of the monotonic clock."""

    failures: int = 0
    counted: int = 0
    failed_at: float = 0.0
    not_before: float = 0.0


@dataclass
class Pace:
    """Of one target. `failing`: changes that failed since one was taken, two of them at most. `refused`: how many were
    refused in a row. `rounds`: how many rounds in a row took nothing."""

    hooks: HooksSettings
    taken_at: float = 0.0
    failing: set[str] = field(default_factory=set)
    refused: int = 0
    rounds: int = 0
    not_before: float = 0.0

    @property
    def is_down(self) -> bool:
        """Whether it is the target that takes nothing, and not one change that it does not take."""
        return len(self.failing) > 1 or self.refused > REFUSED_IN_A_ROW

    def note_failure(self, id_: str, tries: Tries, may_count: bool, took: bool, now: float) -> None:
        """A try failed in a round that `took` another change, or nothing. It counts where another was taken since the
        try before it, and `may_count`: not where the receiver had too much to do at once."""
        if may_count and (took or (tries.failures and self.taken_at > tries.failed_at)):
            tries.counted += 1
        tries.failures += 1
        tries.failed_at = now
        tries.not_before = now + pause_seconds(tries.failures, self.hooks)
        if not took and len(self.failing) < 2:
            self.failing.add(id_)

    def note_taken(self, now: float) -> None:
        self.taken_at, self.refused, self.rounds = now, 0, 0
        self.failing.clear()
        self.not_before = 0.0

    def end_round(self, took: bool, wait_seconds: float, now: float) -> None:
        """`wait_seconds`: the longest that a receiver asked for."""
        self.rounds = 0 if took else self.rounds + 1
        pause = pause_seconds(self.rounds, self.hooks) if self.is_down and not took else 0.0
        self.not_before = max(self.not_before, now + max(pause, wait_seconds))

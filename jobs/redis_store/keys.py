"""The names of all keys in Redis.

All bear the prefix of the settings in braces: a cluster then keeps them on one node, where a script may read several
of them in one round trip.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Keys:
    """`prefix`: setting redis.prefix. `who`: person:<id> or segment:<id>."""

    prefix: str

    @property
    def tag(self) -> str:
        """What every key begins with."""
        return f"{{{self.prefix}}}"

    @property
    def current(self) -> str:
        """The version that pages read."""
        return f"{self.tag}:current"

    @property
    def previous(self) -> str:
        """The version before it, for a rollback until it expires."""
        return f"{self.tag}:previous"

    @property
    def suppressed(self) -> str:
        """A set of persons who denied personalisation."""
        return f"{self.tag}:suppressed"

    @property
    def statements(self) -> str:
        """A hash: identifier -> what was said under it (see people.lua)."""
        return f"{self.tag}:statements"

    @property
    def decisions(self) -> str:
        """A hash: person -> what they allow (see people.lua)."""
        return f"{self.tag}:decisions"

    @property
    def heard(self) -> str:
        """There as long as `statements` has all that was said: not in a Redis that was emptied."""
        return f"{self.tag}:heard"

    @property
    def alias(self) -> str:
        """A hash: identifier, as a person of its own -> the person to whom it belongs, where that is another."""
        return f"{self.tag}:alias"

    @property
    def live_links(self) -> str:
        """A set: pairs of identifiers (`pair_text`) that were seen together, which the lake has not judged."""
        return f"{self.tag}:live_links"

    @property
    def apart(self) -> str:
        """A set: identifiers that link nobody, and pairs (`pair_text`) whose link an operator took back."""
        return f"{self.tag}:apart"

    def members(self, person_id: str) -> str:
        """A set: the identifiers that `alias` leads to the person."""
        return f"{self.tag}:members:{person_id}"

    @property
    def live(self) -> str:
        """What the state of live segments was begun by; missing where it is not kept."""
        return f"{self.tag}:live"

    @property
    def live_clock(self) -> str:
        """When it was last looked who is due, in microseconds."""
        return f"{self.tag}:live_clock"

    @property
    def versions(self) -> str:
        """A hash: each person of whom something is kept for live segments -> a number that each change raises."""
        return f"{self.tag}:versions"

    @property
    def due(self) -> str:
        """A sorted set: when each person is to be looked at though nothing happens, in microseconds."""
        return f"{self.tag}:due"

    @property
    def segment_changes(self) -> str:
        """A stream: who entered or left which segment, and why."""
        return f"{self.tag}:segment_changes"

    @property
    def change_count(self) -> str:
        """How many changes there were: the number of the last one in `segment_changes`."""
        return f"{self.tag}:segment_changes:count"

    def hook(self, target: str) -> str:
        """A hash: how far a target of hooks has been told, and what became of it (see jobs/redis_store/hooks.py)."""
        return f"{self.tag}:hooks:{target}"

    def dead_letters(self, target: str) -> str:
        """A stream: the changes that a target was not told, and why."""
        return f"{self.tag}:hooks:{target}:dead"

    def hook_lease(self, target: str) -> str:
        """Who tells the target now: one process at a time, for the order's sake."""
        return f"{self.tag}:hooks:{target}:lease"

    def events(self, person_id: str) -> str:
        """What rules may look at of the events under one identifier, as JSON (jobs/segment_rules/memory.py)."""
        return f"{self.tag}:events:{person_id}"

    def attributes(self, person_id: str) -> str:
        """What rules ask of a person's attributes, by the name that the lake has for them: when it was read, a blank,
        and the attributes as JSON."""
        return f"{self.tag}:attributes:{person_id}"

    def segments(self, person_id: str) -> str:
        """A hash: the live segments of a person -> since when, in microseconds."""
        return f"{self.tag}:segments:{person_id}"

    def of_version(self, version: str, name: str) -> str:
        """`name`: a person's or segment's list by its `who`, `items` or `manifest`."""
        return f"{self.tag}:{version}:{name}"


def pair_text(left: str, right: str) -> str:
    """Two identifiers as one member of a set: how many bytes the first has, and both."""
    return f"{len(left.encode())}:{left}{right}"


def pair_of(text: str) -> tuple[str, str]:
    """The two that `pair_text` wrote."""
    size, _, both = text.partition(":")
    return both.encode()[: int(size)].decode(), both.encode()[int(size) :].decode()

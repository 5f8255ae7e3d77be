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
    def alias(self) -> str:
        """A hash: identifier, as a person of its own -> the person to whom it belongs, where that is another."""
        return f"{self.tag}:alias"

    def members(self, person_id: str) -> str:
        """A set: the identifiers that `alias` leads to the person."""
        return f"{self.tag}:members:{person_id}"

    def of_version(self, version: str, name: str) -> str:
        """`name`: a person's or segment's list by its `who`, `items` or `manifest`."""
        return f"{self.tag}:{version}:{name}"

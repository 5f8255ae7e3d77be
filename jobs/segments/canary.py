"""Two sets of rules side by side: one in force, and one that is tried on a share of the people."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.segment_rules import rule
from jobs.segment_rules.definitions import Segment

SUFFIX = "@canary"
PARTS = 10_000


@dataclass(frozen=True)
class RuleSets:
    """`in_force`: the segments, by name. `canary`: those that a `share` of the people is judged by instead; `draw` says
    which people. None: all are judged by those in force."""

    in_force: Mapping[str, Segment]
    canary: Mapping[str, Segment] | None = None
    share: float = 0.0
    draw: str = ""

    @cached_property
    def all(self) -> dict[str, Segment]:
        """To be evaluated together: those in force, and those of the canary under names of their own."""
        return {**self.in_force, **renamed(self.canary or {})}

    @cached_property
    def _tried(self) -> dict[str, Segment]:
        return {name: self.all[name + SUFFIX] for name in self.canary or {}}

    def of_person(self, person_id: str) -> Mapping[str, Segment]:
        """By the name of each segment, the one of `all` that the person is judged by."""
        is_drawn = self.canary is not None and self._is_drawn(zlib.crc32((self.draw + person_id).encode()))
        return self._tried if is_drawn else self.in_force

    def judges(self, person_id: Column, segment: Column) -> Column:
        """Whether a person is judged by that one of `all`."""
        drawn = self._is_drawn(F.crc32(F.concat(F.lit(self.draw), person_id)))
        return segment.endswith(SUFFIX) == (F.lit(False) if self.canary is None else drawn)

    def _is_drawn(self, number: Any) -> Any:
        return number % PARTS < round(self.share * PARTS)


def renamed(segments: Mapping[str, Segment]) -> dict[str, Segment]:
    """The same under names with SUFFIX, by which they ask for one another."""
    return {
        name + SUFFIX: replace(one, name=name + SUFFIX, expression=_asking_anew(one.expression))
        for name, one in segments.items()
    }


def segment_name(segment: Column) -> Column:
    """The name without SUFFIX."""
    return F.regexp_replace(segment, f"{SUFFIX}$", "")


def _asking_anew(node: Any) -> Any:
    if isinstance(node, rule.Member):
        return rule.Member(node.segment + SUFFIX)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    values = {one.name: getattr(node, one.name) for one in fields(node)}
    return replace(
        node,
        **{
            name: tuple(map(_asking_anew, value)) if type(value) is tuple else _asking_anew(value)
            for name, value in values.items()
        },
    )

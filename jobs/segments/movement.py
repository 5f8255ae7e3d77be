"""Whom other rules would move, and whether that is more than the settings let through unasked."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from pyspark.sql import functions as F

from jobs.lake.lake import Lake
from jobs.segment_rules.definitions import Segment
from jobs.segments import membership
from jobs.segments.canary import SUFFIX, renamed, segment_name


class Movement(NamedTuple):
    """What other rules make of one segment. `share`: of all who are in it by either, those who enter or leave; 0 to
    1."""

    segment: str
    before: int
    after: int
    entering: int
    leaving: int

    @property
    def share(self) -> float:
        everybody = self.before + self.entering
        return (self.entering + self.leaving) / everybody if everybody else 0.0


def movement(
    lake: Lake, before: Mapping[str, Segment], after: Mapping[str, Segment], as_of: datetime
) -> list[Movement]:
    """Of the segments that would be others, each; of one that is new there is none to be moved from."""
    names = [name for name in before if name not in after or _is_other(before[name], after[name])]
    both = {**before, **renamed(after)}
    asked = {name for name in (*names, *(one + SUFFIX for one in names)) if name in both}
    rows = membership.evaluated(lake, both, None, as_of, asked)
    people = rows.select("person_id", F.explode("segment_ids").alias("id"))
    of_each = people.select(
        "person_id",
        segment_name(F.col("id")).alias("segment"),
        F.col("id").endswith(SUFFIX).alias("is_after"),
    )
    sides = of_each.groupBy("segment", "person_id").agg(
        F.bool_or(~F.col("is_after")).alias("was"), F.bool_or("is_after").alias("is_now")
    )
    counts = sides.groupBy("segment").agg(
        F.count_if("was").alias("before"),
        F.count_if("is_now").alias("after"),
        F.count_if(~F.col("was")).alias("entering"),
        F.count_if(~F.col("is_now")).alias("leaving"),
    )
    told = {row["segment"]: Movement(*(row[name] for name in Movement._fields)) for row in counts.collect()}
    return [told.get(name, Movement(name, 0, 0, 0, 0)) for name in names]


def is_too_much(lake: Lake, moved: Movement) -> bool:
    limits = lake.settings.segments
    return moved.entering + moved.leaving > limits.free_moves and moved.share > limits.max_movement


def _is_other(before: Segment, after: Segment) -> bool:
    return (before.version, before.purpose) != (after.version, after.purpose)

"""Whom a run must look at: of whom something new is known since the last one, or whose time has come."""

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.appended import appended_since
from jobs.lake.lake import Lake
from jobs.people.identity import IDENTIFIERS
from jobs.people.touched import moved, named_in

CHECKS = "gold.segment_checks"
TOLD_FIRST = {"enter": ("merge", "event", "consent", "expiry"), "leave": ("merge", "consent", "event", "expiry")}
"""Why somebody is looked at; of several the first is told of a change of that kind."""


@dataclass(frozen=True)
class Basis:
    """What a run saw. `moment`: of its changes; `rules`: each segment's version; `versions`: of the tables;
    `identities`: when silver.identities changed last; `settings`: what else decides for everybody; `personas`: the
    model, and the tables that it is applied to."""

    moment: str
    as_of: str
    rules: dict[str, str]
    versions: dict[str, int]
    identities: str
    settings: dict[str, Any]
    personas: dict[str, Any]

    def is_for_everybody(self, now: "Basis") -> bool:
        """Whether what differs now may change anybody's memberships, or time went backwards."""
        same = ("rules", "settings")
        of_all = {name for name in (*self.versions, *now.versions) if name not in APPENDED}
        before, after = asdict(self), asdict(now)
        return (
            any(before[name] != after[name] for name in same)
            or any(self.versions.get(name) != now.versions.get(name) for name in of_all)
            or now.as_of < self.as_of
        )

    def is_other_for_personas(self, now: "Basis") -> bool:
        """Whether what differs now may put anybody into another persona, or nobody may be told of in one."""
        said = (self.versions["silver.consents"], self.identities)
        return self.personas != now.personas or said != (now.versions["silver.consents"], now.identities)


APPENDED = ("silver.events", "silver.consents")
"""Tables whose new rows name the people whom they concern."""


def affected(lake: Lake, last: Basis, as_of: datetime) -> DataFrame | None:
    """person_id and `causes` of everyone to be looked at, some of whom may be nobody; None where it cannot be told."""
    events = appended_since(lake, "silver.events", last.versions["silver.events"], (*IDENTIFIERS, "event_type"))
    consents = appended_since(lake, "silver.consents", last.versions["silver.consents"], IDENTIFIERS)
    if events is None or consents is None:
        return None
    due = tables.read(lake, CHECKS).where(F.col("until") <= F.lit(as_of)).select("person_id")
    groups = [
        moved(lake, last.identities),
        # A statement is an event too, and told as what it is.
        named_in(lake, events.where("event_type <> 'consent'")).withColumn("cause", F.lit("event")),
        named_in(lake, events.where("event_type = 'consent'")).withColumn("cause", F.lit("consent")),
        named_in(lake, consents).withColumn("cause", F.lit("consent")),
        due.withColumn("cause", F.lit("expiry")),
    ]
    return reduce(DataFrame.unionByName, groups).groupBy("person_id").agg(F.collect_set("cause").alias("causes"))


def people_cause(kind: Column) -> Column:
    """Of a change of that kind, by `causes`; null where there are none."""

    def first(told_first: tuple[str, ...]) -> Column:
        return F.coalesce(*[F.when(F.array_contains("causes", one), one) for one in told_first])

    return F.when(kind == "enter", first(TOLD_FIRST["enter"])).otherwise(first(TOLD_FIRST["leave"]))

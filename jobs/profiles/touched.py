"""Whose profile a run must make anew: of whom something new is known since the last one."""

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.appended import appended_since, changed_since, has_changed_since
from jobs.lake.lake import Lake
from jobs.landing.lines import with_line
from jobs.people.identity import IDENTIFIERS
from jobs.people.touched import last_change, moved, named_in

APPENDED = ("silver.events", "silver.consents")
"""Tables whose new rows name the people whom they concern."""
READ = (*APPENDED, "silver.identities", "silver.items", "silver.people", "gold.segments")
DEFINITION = 1
"""Counts up when what a profile says of the same events changes: everybody's is then made anew."""
PEOPLE_AT_MOST = 100_000
"""Of more than so many, everybody's is made anew: the driver holds their ids."""

NAMED = ", ".join(f"{name} string" for name in IDENTIFIERS)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Basis:
    """What a run saw. `moment`: of the versions that it began; `versions`: of the tables; `identities`: when
    silver.identities changed last; `settings`: what else decides for everybody. `is_ahead`: whether some events or
    statements were of a later time than `as_of`, and so left out."""

    moment: str
    as_of: str
    versions: dict[str, int]
    identities: str
    settings: dict[str, Any]
    is_ahead: bool

    def is_for_everybody(self, now: "Basis") -> bool:
        """Whether what differs now may change anybody's profile, or time went backwards."""
        return self.settings != now.settings or now.as_of < self.as_of

    def may_hide_somebody(self, last: "Basis") -> bool:
        """Whether somebody may refuse who did not when the last run looked, or be one with somebody who does."""
        said = "silver.consents"
        return (
            self.versions[said] != last.versions[said]
            or self.identities != last.identities
            or self.settings != last.settings
            or last.is_ahead
        )


def basis(lake: Lake, last: Basis | None, as_of: datetime) -> Basis:
    """What a run sees that begins now. `last`: what the one before saw."""
    seen = tables.versions(lake, READ)
    before = {} if last is None else last.versions
    is_same = {name: before.get(name) == version for name, version in seen.items()}
    identities = last.identities if last is not None and is_same["silver.identities"] else last_change(lake)
    at = f"TIMESTAMP '{as_of.isoformat()}'"
    may_be_ahead = {"silver.events": f"occurred_at >= {at}", "silver.consents": f"valid_from > {at}"}
    was_ahead = last is None or last.is_ahead or last.as_of > as_of.isoformat()
    is_ahead = any(
        (was_ahead or not is_same[name]) and tables.has_rows(lake, name, where) for name, where in may_be_ahead.items()
    )
    return Basis("", as_of.isoformat(), seen, identities, _settings(lake), is_ahead)


def is_nothing_new(lake: Lake, last: Basis, as_of: datetime) -> bool:
    """Whether the last run saw all that there is; told by the logs of the tables, without a look at a row."""
    if last.is_ahead or last.settings != _settings(lake) or as_of.isoformat() < last.as_of:
        return False
    return not any(has_changed_since(lake, name, last.versions[name]) for name in READ)


def touched(lake: Lake, last: Basis | None, now: Basis) -> DataFrame | None:
    """person_id, held by the driver, of those whose profile may be another one now, some of whom may be nobody. None:
    everybody's may, because there is no run before, or what differs concerns all, or it cannot be told, or they are too
    many."""
    if last is None or last.is_for_everybody(now) or (people := _people(lake, last, now)) is None:
        return None
    few = people.limit(PEOPLE_AT_MOST + 1).collect()
    log.info("gold.profiles: %s people to look at", f"{len(few):,}" if len(few) <= PEOPLE_AT_MOST else "all")
    return None if len(few) > PEOPLE_AT_MOST else lake.spark.createDataFrame(few, "person_id string")


def _people(lake: Lake, last: Basis, now: Basis) -> DataFrame | None:
    named: list[DataFrame | None] = [appended_since(lake, name, last.versions[name], IDENTIFIERS) for name in APPENDED]
    named += [_with_other_attributes(lake, last), _with_other_items(lake, last)]
    if last.is_ahead:
        named += _due(lake, last, now)
    known = [rows.select(*IDENTIFIERS) for rows in named if rows is not None]
    if len(known) < len(named):
        return None
    people = named_in(lake, reduce(DataFrame.union, known))
    if now.identities != last.identities:
        people = people.unionByName(moved(lake, last.identities).select("person_id"))
    return people.distinct()


def _due(lake: Lake, last: Basis, now: Basis) -> list[DataFrame]:
    """What the last run left out as later than it, and this one does not."""
    begin, end = (F.lit(one.as_of).cast("timestamp") for one in (last, now))
    at, since = F.col("occurred_at"), F.col("valid_from")
    return [
        tables.read(lake, "silver.events").where((at >= begin) & (at < end)),
        tables.read(lake, "silver.consents").where((since > begin) & (since <= end)),
    ]


def _with_other_attributes(lake: Lake, last: Basis) -> DataFrame | None:
    """Identifiers of people of whom the CRM says something else now."""
    columns = {
        "user_id": F.col("user_id"),
        "anonymous_id": F.col("anonymous_id"),
        "attributes": F.array_sort(F.map_entries("attributes")),
    }
    changed = changed_since(lake, "silver.people", last.versions["silver.people"], columns, "attributes IS NOT NULL")
    return None if changed is None else changed.withColumn("device_id", F.lit(None).cast("string"))


def _with_other_items(lake: Lake, last: Basis) -> DataFrame | None:
    """Identifiers of people who did something with items of which the catalogue says something else now."""
    columns = {
        "item_id": F.col("item_id"),
        "category": F.get("categories", F.lit(0)),
        "brand": F.col("brand"),
    }
    where = "brand IS NOT NULL OR get(categories, 0) IS NOT NULL"
    changed = changed_since(lake, "silver.items", last.versions["silver.items"], columns, where)
    if changed is None:
        return None
    if changed.isEmpty():
        return lake.spark.createDataFrame([], NAMED)
    lines = with_line(tables.read(lake, "silver.events")).select(*IDENTIFIERS, "line.item_id")
    return lines.join(changed.select("item_id"), on="item_id", how="left_semi")


def _settings(lake: Lake) -> dict[str, Any]:
    of_all = {name: getattr(lake.settings, name) for name in ("consent", "currency", "profiles", "ratings")}
    return {**{name: section.model_dump(mode="json") for name, section in of_all.items()}, "definition": DEFINITION}

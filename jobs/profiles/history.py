"""gold.profiles brought up to date, and gold.profile_history with what was so before.

A run that is killed does no harm when it is done again: former versions are written first, and the next run begins with
taking back those whose successor was not.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.lake import notes, tables
from jobs.lake.conflicts import again_on_conflict
from jobs.lake.lake import Lake
from jobs.people.personal import names_of
from jobs.profiles.touched import Basis

TABLE, HISTORY = "gold.profiles", "gold.profile_history"
LAST_RUN = "lakehouse.profiles.run"
"""A property of the table: the Basis of the last run that came to its end."""
COMPONENTS = "lakehouse.profiles.components"
"""Another one: the names of the components of `behaviour`, separated by commas."""

SAID = tuple(name for name in TABLES[TABLE].names if name not in ("person_id", "valid_from"))
MAPS = {name for name, type_ in TABLES[TABLE].types.items() if type_.startswith("map<")}


def last_basis(lake: Lake) -> Basis | None:
    """Of the last run; None before the first."""
    if tables.exists(lake, TABLE) and tables.is_of_another_release(lake, TABLE):
        tables.remake(lake, TABLE, lake.spark.createDataFrame([], TABLES[TABLE].ddl))
        tables.create(lake, HISTORY)
        return None
    tables.create(lake, TABLE, HISTORY)
    noted = notes.noted(lake, TABLE, LAST_RUN)
    return None if noted is None else Basis(**json.loads(noted))


def take_back(lake: Lake, last: Basis | None) -> None:
    """Former versions that a run wrote which was killed before it wrote what follows them."""
    since = "" if last is None else f"valid_to > TIMESTAMP '{last.moment}'"
    if not tables.has_rows(lake, HISTORY, since or "true"):
        return
    current = tables.read(lake, TABLE).select("person_id", "valid_from")
    same = "old.person_id = new.person_id AND old.valid_from = new.valid_from"
    again_on_conflict(tables.merge(lake, HISTORY, current, same).whenMatchedDelete().execute)


def next_moment(lake: Lake, as_of: datetime) -> datetime:
    """`as_of`, or later than all versions that have begun."""
    last = tables.read(lake, TABLE).agg(F.max("valid_from")).collect()[0][0]
    return as_of if last is None else max(as_of, last.replace(tzinfo=UTC) + timedelta(microseconds=1))


def versions(profiles: DataFrame) -> DataFrame:
    """`profiles`: the columns of the table without valid_from, null for who has no profile any more, and `was`, the row
    that stands there now, or null. Adds `kind` (begin, change, end or same), and valid_from where it stays."""
    is_now, had = F.col("events").isNotNull(), F.col("was").isNotNull()
    kind = F.when(is_now & ~had, "begin").when(had & ~is_now, "end").when(had & ~_is_as_before(), "change")
    with_kind = profiles.withColumn("kind", kind.otherwise("same"))
    valid_from = F.when(F.col("kind") == "same", F.col("was.valid_from")).alias("valid_from")
    return with_kind.select(
        "person_id", valid_from, *SAID, "kind", F.when(F.col("kind") != "same", F.col("was")).alias("was")
    )


def keep(lake: Lake, profiles: DataFrame, moment: datetime) -> None:
    """`profiles`: rows of `versions` of all people, materialized; `moment`: of the versions that begin. The table is
    written whole: one row in a hundred is in most of its files."""
    kinds = {row["kind"] for row in profiles.select("kind").distinct().collect()}
    if kinds & {"change", "end"}:
        former = profiles.where("kind IN ('change', 'end')").select("was.*", F.lit(moment).alias("valid_to"))
        tables.append(lake, HISTORY, former.coalesce(1))
    if kinds & {"begin", "change", "end"}:
        present = profiles.where("kind <> 'end'").withColumn("valid_from", F.coalesce("valid_from", F.lit(moment)))
        tables.overwrite(lake, TABLE, present.select(*TABLES[TABLE].names))


def forget(lake: Lake, people: DataFrame | None, own: DataFrame, allowed: DataFrame) -> None:
    """Takes from the history whoever refuses, under all names they had. `people`: who was looked at, None: everybody;
    `own`: who of them has a profile now; `allowed`: the names in both tables of those who allow it."""
    names = tables.read(lake, HISTORY).select("person_id").distinct()
    if people is not None:
        without = people.join(own.select("person_id"), on="person_id", how="left_anti")
        names = names.join(F.broadcast(names_of(lake, without)), on="person_id", how="left_semi")
        if names.isEmpty():
            return
    refusing = names.join(allowed, on="person_id", how="left_anti")
    if not refusing.isEmpty():
        tables.remove(lake, HISTORY, refusing, "person_id")


def note(lake: Lake, basis: Basis, moment: datetime, components: list[str]) -> None:
    """All before is done. `moment`: of the versions that began."""
    if notes.noted(lake, TABLE, COMPONENTS) != (names := ",".join(components)):
        notes.note(lake, TABLE, COMPONENTS, names)
    notes.note(lake, TABLE, LAST_RUN, json.dumps({**asdict(basis), "moment": moment.isoformat()}))


def _is_as_before() -> Column:
    return reduce(and_, [_comparable(name).eqNullSafe(_comparable(name, "was.")) for name in SAID])


def _comparable(name: str, of: str = "") -> Column:
    """Maps have no order: those of profiles lie in that of their keys."""
    return F.map_entries(f"{of}{name}") if name in MAPS else F.col(f"{of}{name}")

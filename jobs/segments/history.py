"""gold.segments, gold.segment_changes and gold.segment_checks brought up to date with what was evaluated.

A run that is killed does no harm when it is done again. Its changes are written first, in one commit; the next run
begins with taking up those that the memberships do not have yet, and so finds no difference where there is none.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.lake import notes, tables
from jobs.lake.conflicts import again_on_conflict
from jobs.lake.lake import Lake
from jobs.lake.materialized import materialized
from jobs.segments.affected import CHECKS, Basis, people_cause

TABLE, CHANGES = "gold.segments", "gold.segment_changes"
LAST_RUN = "lakehouse.segments.run"
"""A property of the table: the Basis of the last run that came to its end."""

KEY = ("person_id", "segment_id")
IS_SAME = " AND ".join(f"old.{name} = new.{name}" for name in KEY)
JUDGED = ("name", "source", "version", "distance")


def last_basis(lake: Lake) -> Basis | None:
    """Of the last run; None before the first. Takes up what it did not come to."""
    tables.create(lake, TABLE, CHANGES, CHECKS)
    noted = notes.noted(lake, TABLE, LAST_RUN)
    last = None if noted is None else Basis(**json.loads(noted))
    since = "" if last is None else f"changed_at > TIMESTAMP '{last.moment}'"
    if last is not None and tables.has_rows(lake, CHANGES, since):
        _take_up(lake, tables.read(lake, CHANGES).where(since))
    return last


def next_moment(lake: Lake, as_of: datetime) -> datetime:
    """`as_of`, or later than all changes that are written."""
    last: datetime | None = tables.read(lake, CHANGES).agg(F.max("changed_at")).collect()[0][0]
    return as_of if last is None else max(as_of, last.replace(tzinfo=UTC) + timedelta(microseconds=1))


def keep(
    lake: Lake,
    wanted: DataFrame,
    scope: Column,
    people: DataFrame | None,
    cause: Column,
    now: Basis,
    last: Basis | None,
) -> None:
    """`wanted`: the memberships, in the columns of the table without `since`, of all whose rows `scope` names.
    `people`: person_id and causes of those who were looked at, None: everybody was. `cause`: of a change, by the
    columns segment_id, source and people_cause.
    """
    moment = F.lit(now.moment).cast("timestamp")
    causes = people if people is not None else lake.spark.createDataFrame([], "person_id string, causes array<string>")
    before = tables.read(lake, TABLE).where(scope & F.col("source").isNotNull())
    if people is not None:
        is_of_people = before.join(F.broadcast(people.select("person_id")), on="person_id", how="left_semi")
        before = before.where("source = 'persona'").unionByName(is_of_people.where("source = 'rule'"))
    both = before.alias("old").join(wanted.alias("new"), on=list(KEY), how="full")
    was, is_now = F.col("old.source").isNotNull(), F.col("new.source").isNotNull()
    is_as_before = F.lit(True)
    for name in JUDGED:
        is_as_before &= F.col(f"old.{name}").eqNullSafe(F.col(f"new.{name}"))
    kind = F.when(~was, "enter").when(~is_now, "leave").when(is_as_before, "same").otherwise("other")
    rows = both.select(
        *KEY,
        *[F.coalesce(f"new.{name}", f"old.{name}").alias(name) for name in JUDGED[:2]],
        *[F.col(f"new.{name}").alias(name) for name in JUDGED[2:]],
        F.coalesce("old.since", moment).alias("since"),
        kind.alias("kind"),
        F.coalesce(F.col("old.version"), _version(last)).alias("version_before"),
        F.coalesce(F.col("new.version"), _version(now)).alias("version_after"),
    )
    told = rows.join(F.broadcast(causes), on="person_id", how="left")
    told = told.withColumn("people_cause", people_cause(F.col("kind"))).withColumn("cause", cause)
    with materialized(told.withColumn("changed_at", moment)) as changed:
        _append_changes(lake, changed.where("kind IN ('enter', 'leave')"))
        if people is None:
            tables.overwrite(lake, TABLE, changed.where("kind <> 'leave'").select(*TABLES[TABLE].names))
        else:
            _merge(lake, changed.where("kind <> 'same'"))


def keep_checks(lake: Lake, evaluated: DataFrame, people: DataFrame | None, as_of: datetime) -> None:
    """When the rules may say otherwise of each person, the first of several."""
    first = evaluated.groupBy("person_id").agg(F.min("until").alias("until")).where("until IS NOT NULL")
    rows = first.select("person_id", F.lit(as_of).alias("checked_at"), "until")
    if people is None:
        tables.overwrite(lake, CHECKS, rows)
        return
    of_people = people.select("person_id").join(rows, on="person_id", how="left")
    merge = tables.merge(lake, CHECKS, of_people, "old.person_id = new.person_id")
    merge = merge.whenMatchedDelete("new.until IS NULL").whenMatchedUpdateAll()
    again_on_conflict(merge.whenNotMatchedInsertAll("new.until IS NOT NULL").execute)


def note(lake: Lake, basis: Basis) -> None:
    """All before is done."""
    notes.note(lake, TABLE, LAST_RUN, json.dumps(asdict(basis)))


def _version(basis: Basis | None) -> Column:
    """Of the rule of segment_id by a run; null where it had none."""
    rules = {} if basis is None else basis.rules
    return F.create_map(*[F.lit(part) for pair in (("", ""), *rules.items()) for part in pair])[F.col("segment_id")]


def _append_changes(lake: Lake, changes: DataFrame) -> None:
    if not changes.isEmpty():
        tables.append(lake, CHANGES, changes.select(*TABLES[CHANGES].names))


def _merge(lake: Lake, rows: DataFrame) -> None:
    if rows.isEmpty():
        return
    values: dict[str, str | Column] = {name: f"new.{name}" for name in TABLES[TABLE].names}
    merge = tables.merge(lake, TABLE, rows, IS_SAME).whenMatchedDelete("new.kind = 'leave'")
    merge = merge.whenMatchedUpdate(set=values).whenNotMatchedInsert("new.kind <> 'leave'", values=values)
    again_on_conflict(merge.execute)


def _take_up(lake: Lake, changes: DataFrame) -> None:
    """Of a run that was killed. A membership is called by its id until the run that follows says more of it."""
    values: dict[str, str | Column] = {name: f"new.{name}" for name in (*KEY, "source")}
    values |= {"name": "new.segment_id", "version": "new.version_after", "since": "new.changed_at", "distance": "NULL"}
    merge = tables.merge(lake, TABLE, changes, IS_SAME).whenMatchedDelete("new.kind = 'leave'")
    again_on_conflict(merge.whenNotMatchedInsert("new.kind = 'enter'", values=values).execute)

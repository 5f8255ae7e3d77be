"""gold.sessions: one row per session of a person: what they did from step to step, and whether they bought.

A session ends, as web analytics has it, with 30 minutes without an event, at midnight UTC, and where a campaign brings
the person in that is not the one that brought them last; an event without a campaign goes on under the last one. What
only says who somebody is or what they allow, what the shop did (a recommendation shown), and what belongs to an earlier
order (a return, a coupon's clearing) is no step. Sessions are numbered by person from the first that the lake holds: an
event that comes late can move the numbers of later ones.
"""

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal

TABLE = "gold.sessions"
QUIET = timedelta(minutes=30)
NO_STEPS = ("identify", "consent", "profile_update", "recommendation_shown", "return", "coupon_redeemed")
PURCHASE = "purchase"


def with_session(events: DataFrame) -> DataFrame:
    """Adds `session`: the number of the session, from 1, that the event is part of.

    `events`: person_id, event_id, occurred_at and context.campaign. An event exactly 30 minutes after the one before
    begins a session.
    """
    in_order = Window.partitionBy("person_id").orderBy("occurred_at", "event_id")
    before = in_order.rowsBetween(Window.unboundedPreceding, -1)
    last_at, last_campaign = F.lag("occurred_at").over(in_order), F.last(campaign(), ignorenulls=True).over(before)
    begins = (
        last_at.isNull()
        | (F.col("occurred_at") >= last_at + F.lit(QUIET))
        | (F.to_date("occurred_at") != F.to_date(last_at))
        | (campaign().isNotNull() & ~campaign().eqNullSafe(last_campaign))
    )
    until_now = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    number = F.count_if("begins").over(until_now)
    return events.withColumn("begins", begins).withColumn("session", number).drop("begins")


def campaign() -> Column:
    """The campaign that an event came by; an empty one is none."""
    return F.nullif(F.col("context.campaign"), F.lit(""))


def as_sessions(events: DataFrame, as_of: datetime) -> DataFrame:
    """Events before `as_of` as one row per person and session."""
    steps = events.where((F.col("occurred_at") < F.lit(as_of)) & ~F.col("event_type").isin(*NO_STEPS))
    step = F.struct("occurred_at", "event_id", "event_type", campaign().alias("campaign"))
    return (
        with_session(steps)
        .groupBy("person_id", "session")
        .agg(F.array_sort(F.collect_list(step)).alias("in_order"))
        .select(
            "person_id",
            "session",
            F.col("in_order")[0]["occurred_at"].alias("started_at"),
            F.element_at("in_order", -1)["occurred_at"].alias("ended_at"),
            F.col("in_order")["event_type"].alias("steps"),
            _seconds().alias("seconds"),
            _counts().alias("events"),
            F.array_contains(F.col("in_order")["event_type"], PURCHASE).alias("is_purchase"),
            F.get(F.array_compact(F.col("in_order")["campaign"]), F.lit(0)).alias("campaign"),
        )
    )


def _seconds() -> Column:
    """Of each step, how long after the first it was."""
    started = F.unix_micros(F.col("in_order")[0]["occurred_at"])
    return F.transform("in_order", lambda step: (F.unix_micros(step["occurred_at"]) - started) / 1e6)


def _counts() -> Column:
    """How many events of each type."""
    types = F.col("in_order")["event_type"]
    distinct = F.array_sort(F.array_distinct(types))
    counts = F.transform(distinct, lambda one: F.size(F.filter(types, lambda other: other == one)).cast("bigint"))
    return F.map_from_arrays(distinct, counts)


def main(lake: Lake, options: Options) -> None:
    events = personal(lake, "silver.events", "personalisation", options.as_of)
    tables.overwrite(lake, TABLE, as_sessions(events, options.as_of))


JOB = Job(TABLE, main, reads=("silver.events", "silver.consents", "silver.identities"))

if __name__ == "__main__":
    submit(JOB)

"""What a person does, when and where: of their steps through the shop, one row per person."""

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.settings.profiles_settings import EngagementLevel, ProfilesSettings

HOURS, WEEKDAYS = range(24), range(1, 8)
COUNTS = ("steps", "recent_steps", "recent_actions")


def as_presence(events: DataFrame) -> DataFrame:
    """Of all events, steps or not, one row per person."""
    return events.groupBy("person_id").agg(
        F.min("occurred_at").alias("first_seen"),
        F.max("occurred_at").alias("last_seen"),
        F.count("*").alias("events"),
    )


def as_activity(steps: DataFrame, settings: ProfilesSettings) -> DataFrame:
    """`steps`: person_id, event_type, occurred_at, `session` (numbered by person, from 1), context.device_type and
    context.country."""
    last_at = F.max("occurred_at").over(Window.partitionBy("person_id"))
    is_recent = F.col("occurred_at") > last_at - F.make_dt_interval(days=F.lit(settings.engagement_days))
    is_action = F.col("event_type").isin(*settings.actions)
    by_place = (
        steps.withColumn("is_recent", is_recent)
        .groupBy("person_id", F.col("context.device_type").alias("device"), F.col("context.country").alias("country"))
        .agg(
            F.count("*").alias("steps"),
            F.count_if("is_recent").alias("recent_steps"),
            F.count_if(F.col("is_recent") & is_action).alias("recent_actions"),
            F.max("session").alias("sessions"),
            F.min(F.when(F.col("is_recent"), F.col("session"))).alias("first_recent"),
            *[F.count_if(F.hour("occurred_at") == hour).alias(f"hour_{hour}") for hour in HOURS],
            *[F.count_if(F.weekday("occurred_at") + 1 == day).alias(f"weekday_{day}") for day in WEEKDAYS],
        )
    )
    dense = [f"hour_{hour}" for hour in HOURS] + [f"weekday_{day}" for day in WEEKDAYS]
    of_person = by_place.groupBy("person_id").agg(
        *[F.sum(name).alias(name) for name in (*COUNTS, *dense)],
        F.max("sessions").alias("sessions"),
        # The recent sessions are the last ones, and numbered without a gap.
        (F.max("sessions") - F.min("first_recent") + 1).alias("recent_sessions"),
        F.collect_list(F.struct("device", "country", "steps")).alias("places"),
    )
    return of_person.select(
        "person_id",
        "sessions",
        "recent_sessions",
        *COUNTS,
        _shares_of_counts("hour", HOURS).alias("hours"),
        _shares_of_counts("weekday", WEEKDAYS).alias("weekdays"),
        _shares_of_places("device").alias("devices"),
        _shares_of_places("country").alias("countries"),
    )


def engagement(settings: ProfilesSettings) -> Column:
    """high, medium or low, of the columns recent_sessions, recent_steps and recent_actions."""
    return F.when(_reaches(settings.high), "high").when(_reaches(settings.medium), "medium").otherwise("low")


def _reaches(level: EngagementLevel) -> Column:
    sessions = F.col("recent_sessions")
    reached = (
        sessions >= level.sessions,
        F.coalesce(F.try_divide("recent_steps", sessions), F.lit(0.0)) >= level.steps_per_session,
        F.col("recent_actions") >= level.actions,
    )
    return reduce(Column.__add__, [one.cast("int") for one in reached]) >= 2


def _shares_of_counts(kind: str, keys: range) -> Column:
    shares = F.array(*[F.col(f"{kind}_{key}") / F.col("steps") for key in keys])
    of_all = F.map_from_arrays(F.array(*[F.lit(key) for key in keys]), shares)
    return F.map_filter(of_all, lambda _, share: share > 0)


def _shares_of_places(kind: str) -> Column:
    """By a field of `places`, in the order of its values; of the steps that have one."""
    known = F.filter("places", lambda place: place[kind].isNotNull())
    keys = F.array_sort(F.array_distinct(F.transform(known, lambda place: place[kind])))
    whole = _sum_of_steps(known)
    shares = F.transform(keys, lambda key: _sum_of_steps(F.filter(known, lambda place: place[kind] == key)) / whole)
    return F.map_from_arrays(keys, shares)


def _sum_of_steps(places: Column) -> Column:
    return F.aggregate(places, F.lit(0).cast("bigint"), lambda sum_, place: sum_ + place["steps"])

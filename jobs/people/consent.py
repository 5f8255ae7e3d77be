"""Who allows what: the one way of personal rows from silver to gold, and the rule by which it is decided.

A statement is a row of silver.consents. What a person said in a `consent` event outranks what a client remembered
when it sent another event: such a copy may be old, so it can deny anew but never grant again what the person denied.
Of statements of one kind the latest counts, and of two at the same microsecond the denial. Where nothing is on
record the settings decide ([consent] in conf/base.toml).
"""

from datetime import datetime

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.schemas.silver import PURPOSES
from jobs.errors import OperatorError
from jobs.lake import tables

DEFAULT = "spark.lakehouse.consent."


def consented(frame: DataFrame, purpose: str, as_of: datetime) -> DataFrame:
    """The rows of `frame`, which has `person_id`, of persons who at `as_of` allow the purpose, as now on record.

    Raises OperatorError when silver.consents is not built, for a purpose that is none, and in a session that does
    not know the settings: what cannot be decided is not allowed.
    """
    spark = frame.sparkSession
    is_allowed_unasked = _default(spark, purpose)
    record = tables.read(spark, "silver.consents")
    known = record.where((F.col("purpose") == purpose) & (F.col("valid_from") <= F.lit(as_of)))
    people = as_stamps(known).select("person_id", is_denied().alias("is_denied"))
    if is_allowed_unasked:
        return frame.join(people.where("is_denied"), on="person_id", how="left_anti")
    return frame.join(people.where("NOT is_denied"), on="person_id", how="left_semi")


def as_stamps(statements: DataFrame) -> DataFrame:
    """One row per person: the stamp of the last word of the `person` and of a `client`, null where there is none.

    `statements`: rows of silver.consents of one purpose.
    """
    one = stamp(F.col("valid_from"), F.col("is_granted"))
    of = {who: F.max(F.when(F.col("said_by") == who, one)).alias(who) for who in ("person", "client")}
    return statements.groupBy("person_id").agg(*of.values())


def stamp(at: Column, is_granted: Column) -> Column:
    """A statement as one number, here and in Redis: microseconds since 1970 times two, plus one where it denies.

    Of two the greater counts: the later, and at the same microsecond the denial.
    """
    return F.unix_micros(at) * 2 + F.when(is_granted, 0).otherwise(1)


def is_denied() -> Column:
    """Whether the stamps `person` and `client`, of which one is not null, add up to a denial."""
    person, client = F.col("person"), F.col("client")
    is_later_denial = F.coalesce((client % 2 == 1) & (client > person + 1), F.lit(False))
    return F.when(person.isNull(), client % 2 == 1).otherwise((person % 2 == 1) | is_later_denial)


def _default(spark: SparkSession, purpose: str) -> bool:
    if purpose not in PURPOSES:
        raise OperatorError(f"no purpose {purpose}; the purposes are: {', '.join(PURPOSES)}")
    said = spark.conf.get(f"{DEFAULT}{purpose}", None)
    if said not in ("true", "false"):
        raise OperatorError(f"this session does not know the setting consent.{purpose}; start it with spark_for")
    return said == "true"

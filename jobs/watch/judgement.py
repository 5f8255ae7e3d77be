"""Which measures of a day are worth waking someone for.

`unusual`: far from the same weekday's of the weeks before, by the robust z-score (value - median) / spread with
spread = 1.4826 MAD, the median absolute deviation scaled to a standard deviation (Iglewicz and Hoaglin, 1993, who
advise 3.5). Where the past hardly varies the MAD is next to nothing and any change would look vast, so the spread is
at least `tolerance` of the median, and no less than chance: 0.01 of a share, the square root of a count.
`drift`: a PSI above its limit. `limit`: a share rejected above its limit, whatever the past.
"""

from datetime import date, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.settings.watch_settings import WatchSettings
from jobs.watch.measures import SHARES

KEY = ("event_type", "measure", "column_name")
OF_MAD = 1.4826
COMPARED = ("volume", "distinct", *SHARES)


def as_findings(measured: DataFrame, first: date, last: date, watch: WatchSettings) -> DataFrame:
    """One row per finding among the measures of the days `first` to `last`, both included.

    `value` as measured, `expected` by the past or the limit, `score` the z-score or how many times the limit.
    `alert_id` is made of day, type, measure, column and rule: the same finding has it in every run.
    """
    judged = as_compared(measured, first, last, watch)
    enough = F.col("events") >= watch.min_rows

    def finding(rule: str, condition: Column, expected: Column, score: Column) -> Column:
        columns = [F.lit(rule).alias("rule"), expected.alias("expected"), score.alias("score")]
        return F.when(condition, F.struct(*columns))

    def over(measure: str, limit: float, rule: str) -> Column:
        is_over = (F.col("measure") == measure) & enough & (F.col("value") > limit)
        return finding(rule, is_over, F.lit(limit), F.col("value") / F.lit(limit))

    # A volume is judged however small: that nothing came is what it is for.
    is_judged = F.col("measure").isin(*COMPARED) & (enough | (F.col("measure") == "volume"))
    is_unusual = is_judged & (F.col("weeks") >= watch.least_weeks) & (F.abs("z") > watch.z)
    findings = F.array(
        finding("unusual", is_unusual, F.col("median"), F.col("z")),
        over("psi", watch.psi, "drift"),
        over("rejected_share", watch.rejected_share, "limit"),
    )
    exploded = judged.withColumn("finding", F.explode(F.filter(findings, lambda one: one.isNotNull())))
    identity = F.concat_ws("|", "day", *KEY, "finding.rule")
    return exploded.select(
        F.substring(F.sha2(identity, 256), 1, 32).alias("alert_id"), "day", *KEY, "value", "finding.*"
    )


def as_compared(measured: DataFrame, first: date, last: date, watch: WatchSettings) -> DataFrame:
    """The measures of those days with `weeks`, `median` and `z` by the same weekday of the `watch.weeks` before.

    The three are null where no such day was measured.
    """
    days = measured.where(F.col("day").between(first, last))
    past = measured.where(F.col("day").between(first - timedelta(weeks=watch.weeks), last))
    past = past.select(F.col("day").alias("past_day"), *KEY, F.col("value").alias("past_value"))
    ago = F.datediff("day", "past_day")
    is_before = (ago % 7 == 0) & (ago > 0) & (ago <= 7 * watch.weeks)
    history = (
        days.select("day", *KEY)
        .join(past, on=list(KEY), how="inner")
        .where(is_before)
        .groupBy("day", *KEY)
        .agg(F.collect_list("past_value").alias("history"))
        .withColumn("weeks", F.size("history"))
        .withColumn("median", median(F.col("history")))
    )
    compared = days.join(history, on=["day", *KEY], how="left")
    mad = median(F.transform("history", lambda past: F.abs(past - F.col("median"))))
    chance = F.when(F.col("measure").isin(*SHARES), 0.01).otherwise(F.greatest(F.lit(1.0), F.sqrt(F.abs("median"))))
    spread = F.greatest(OF_MAD * mad, watch.tolerance * F.abs("median"), chance)
    return compared.withColumn("z", (F.col("value") - F.col("median")) / spread)


def median(numbers: Column) -> Column:
    """The median of an array of numbers, the mean of the two in the middle where their count is even."""
    ordered, count = F.array_sort(numbers), F.size(numbers)
    lower, upper = (F.get(ordered, F.floor(place / 2).cast("int")) for place in (count - 1, count))
    return (lower + upper) / 2

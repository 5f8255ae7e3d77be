"""How far one day's values moved away from those of the days before it: the population stability index.

PSI = sum over bins of (a - e) ln(a / e), where a and e are the bin's shares of the day and of the reference
(Siddiqi, Credit Risk Scorecards, 2006, where under 0.1 is no change and over 0.25 a great one). Its expectation
without any change is about (bins - 1)(1 / rows + 1 / reference rows), so too few rows are not judged at all.
"""

from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.watch.measures import NUMBERS, WATCHED, is_of

CATEGORIES = ("device_type", "country")
DECILES = [tenth / 10 for tenth in range(1, 10)]
ACCURACY = 10_000
FLOOR = 1e-4  # a share of nothing would make the logarithm infinite
RARE = 0.01  # values rarer than this in the reference share one bin, as do values that are new
NOTHING = "null"  # missing values have a bin of their own


def as_psi(events: DataFrame, day: date, reference_days: int, min_rows: int) -> DataFrame:
    """One row per event type and column of that day, like jobs/watch/measures.py: `value` is the PSI.

    The reference is the `reference_days` before. Categories are bins of their own, numbers fall into the deciles of
    the reference. No row where the day or the reference has fewer than `min_rows` rows, or the column never a value.
    """
    columns = {name: F.expr(WATCHED[name]) for name in (*CATEGORIES, *NUMBERS)}
    start = day - timedelta(days=reference_days)
    rows = events.where(is_of(start, reference_days + 1)).select(
        "event_type", is_of(day).alias("is_day"), *[column.alias(name) for name, column in columns.items()]
    )
    reference = rows.where(~F.col("is_day")).groupBy("event_type")
    edges = reference.agg(*[F.percentile_approx(name, DECILES, ACCURACY).alias(f"edges_{name}") for name in NUMBERS])
    binned = rows.join(F.broadcast(edges), on="event_type", how="inner")
    cells = F.array(
        *[F.struct(F.lit(name).alias("column_name"), F.col(name).alias("bin")) for name in CATEGORIES],
        *[F.struct(F.lit(name).alias("column_name"), _decile(name).alias("bin")) for name in NUMBERS],
    )
    counts = (
        binned.select("event_type", "is_day", F.inline(cells))
        .groupBy("event_type", "column_name", F.coalesce("bin", F.lit(NOTHING)).alias("bin"))
        .agg(F.count_if("is_day").alias("rows"), F.count_if(~F.col("is_day")).alias("reference"))
    )
    return as_index(counts, min_rows)


def as_index(counts: DataFrame, min_rows: int) -> DataFrame:
    """The PSI of counts by event_type, column_name and bin: `rows` of the day and of the `reference`."""
    whole = Window.partitionBy("event_type", "column_name")
    totals = counts.withColumns({f"all_{name}": F.sum(name).over(whole) for name in ("rows", "reference")})
    is_rare = (F.col("reference") < RARE * F.col("all_reference")) & (F.col("bin") != NOTHING)
    bins = totals.groupBy(
        "event_type", "column_name", "all_rows", "all_reference", F.when(~is_rare, F.col("bin")).alias("bin")
    ).agg(F.sum("rows").alias("rows"), F.sum("reference").alias("reference"))
    now, before = (_share(f"{name}", f"all_{name}") for name in ("rows", "reference"))
    index = bins.groupBy("event_type", "column_name").agg(
        F.sum((now - before) * F.ln(now / before)).alias("value"),
        F.max("all_rows").alias("events"),
        F.max("all_reference").alias("reference"),
        F.bool_or(~F.col("bin").eqNullSafe(NOTHING)).alias("has_values"),
    )
    judged = index.where((F.least("events", "reference") >= min_rows) & F.col("has_values"))
    return judged.select("event_type", F.lit("psi").alias("measure"), "column_name", "value", "events")


def _decile(name: str) -> Column:
    """How many of the reference's decile edges lie under the value, as text; null where the value is."""
    below = F.size(F.filter(F.col(f"edges_{name}"), lambda edge: edge < F.col(name)))
    return F.when(F.col(name).isNotNull() & F.col(f"edges_{name}").isNotNull(), below.cast("string"))


def _share(part: str, whole: str) -> Column:
    return F.greatest(F.col(part) / F.col(whole), F.lit(FLOOR))

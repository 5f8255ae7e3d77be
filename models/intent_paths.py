"""Paths to a purchase and away from it: what sessions do, one step after another, by PrefixSpan (Pei et al. 2004).

A session is its steps before the first purchase; a step repeated at once counts once, else the longest paths would all
be the same page again and again. Sessions that begin with the purchase, as at a till, take no path and are left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.ml.fpm import PrefixSpan
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from models.errors import TooLittleData
from models.intent_likelihood import PURCHASE
from models.params import IntentParams

LEFT = "left"
"""What a session without a purchase ends in; no event type."""


@dataclass(frozen=True)
class Path:
    """Steps that `sessions` sessions took in this order, whatever else they did in between, before any purchase.

    `support` is their share of all sessions, `bought` how many of them then bought, and `lift` how much likelier they
    buy than a session does: P(purchase | path) / P(purchase). Above 1 the path leads to a purchase, below 1 away.
    """

    steps: tuple[str, ...]
    sessions: int
    support: float
    bought: int
    lift: float


def frequent(sessions: DataFrame, params: IntentParams) -> tuple[Path, ...]:
    """The paths of at least `min_support` of all sessions (steps: array<string>), the most frequent first.

    Raises TooLittleData where no session has a step before a purchase, and where all end alike: then there is no lift.
    """
    ends = sessions.select(
        without_repeats(before_purchase("steps")).alias("path"), is_purchase("steps").alias("bought")
    )
    ends = ends.where(F.size("path") > 0).persist()
    try:
        total, bought = ends.agg(F.count("*"), F.count_if("bought")).collect()[0]
        if not 0 < bought < total:
            raise TooLittleData(
                f"{bought:,} of {total:,} sessions end in a purchase: no path can say what leads to one"
            )
        end = F.when(F.col("bought"), PURCHASE).otherwise(LEFT)
        steps = F.concat("path", F.array(end))
        sequences = ends.select(F.transform(steps, lambda step: F.array(step)).alias("sequence"))
        # Half of a path's sessions, or more, end alike: with half the support one of both ends is always mined.
        mined = PrefixSpan(minSupport=params.min_support / 2, maxPatternLength=params.longest + 1)
        rows = mined.findFrequentSequentialPatterns(sequences).collect()
    finally:
        ends.unpersist()
    counts = {tuple(one for (one,) in row["sequence"]): int(row["freq"]) for row in rows}
    least = params.min_support * total
    paths = [
        _path(steps, count, counts, total, bought)
        for steps, count in counts.items()
        if count >= least and steps[-1] not in (PURCHASE, LEFT) and len(steps) <= params.longest
    ]
    return tuple(sorted(paths, key=lambda path: (-path.sessions, path.steps)))


def to_purchase(paths: Iterable[Path]) -> list[Path]:
    """Those that lead to a purchase, by lift."""
    return sorted((path for path in paths if path.lift > 1), key=lambda path: (-path.lift, path.steps))


def away(paths: Iterable[Path]) -> list[Path]:
    """Those that lead away from it, the surest first."""
    return sorted((path for path in paths if path.lift < 1), key=lambda path: (path.lift, path.steps))


def before_purchase(steps: str) -> Column:
    """The steps before the first purchase, or all."""
    place = F.array_position(F.col(steps), PURCHASE)
    return F.when(place == 0, F.col(steps)).otherwise(F.slice(steps, 1, F.greatest(place - 1, F.lit(0)).cast("int")))


def is_purchase(steps: str) -> Column:
    return F.array_contains(F.col(steps), PURCHASE)


def without_repeats(steps: Column) -> Column:
    """The steps without those that repeat the one before."""
    return F.filter(steps, lambda step, i: (i == 0) | (F.get(steps, i - 1) != step))


def _path(steps: tuple[str, ...], sessions: int, counts: dict[tuple[str, ...], int], of: int, bought: int) -> Path:
    then_bought = counts.get((*steps, PURCHASE))
    if then_bought is None:  # by less than half the least support; so those that left were mined, and are the rest
        then_bought = sessions - counts[(*steps, LEFT)]
    return Path(steps, sessions, sessions / of, then_bought, (then_bought / sessions) / (bought / of))

"""Evaluation by time: learn from before the cut, be judged by what people really bought after it.

A global cut, not "each person's last purchase": that one lets a model see the future of everybody else
(Ji et al. 2020). Generated events (source not null) are neither learned from nor judged by: they were derived
from real baskets, some of them from baskets after the cut.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from models import metrics
from models.errors import ModelError

Lists = Callable[[DataFrame, int, DataFrame | None], DataFrame]
"""`(people, n, seen) -> (person_id, rank, item_id, score)`: any recommender's top_n with its model already given."""


class EvaluationError(ModelError):
    """The interactions cannot be split; the message says what was seen."""


@dataclass(frozen=True)
class Split:
    """`train`: real interactions before `cut`, columns as given. `bought`: distinct (person_id, item_id) of
    its purchases. `truth_all`: distinct (person_id, item_id) bought from `cut` to `as_of`, both included.
    `truth_new`: those of them the person had not bought before.
    """

    cut: datetime
    as_of: datetime
    train: DataFrame
    bought: DataFrame
    truth_all: DataFrame
    truth_new: DataFrame


def cut_for(as_of: datetime, holdout_days: int = 28) -> datetime:
    """Midnight UTC `holdout_days` before the day of `as_of`: 2018-01-01T04:01Z gives 2017-12-04T00:00Z."""
    if as_of.tzinfo is None:
        raise EvaluationError(f"as_of {as_of.isoformat()} has no time zone: give it in UTC")
    if holdout_days < 1:
        raise EvaluationError(f"holdout_days is {holdout_days}: hold out at least one day")
    day = as_of.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=holdout_days)


def split(interactions: DataFrame, as_of: datetime, holdout_days: int = 28) -> Split:
    """Split rows (event_type, person_id, item_id, occurred_at, source, ...), one per event and item, by time.

    Rows without a person or an item are in neither part. Raises EvaluationError on an `as_of` without zone.
    """
    cut = cut_for(as_of, holdout_days)
    real = interactions.where(F.col("source").isNull() & F.col("person_id").isNotNull() & F.col("item_id").isNotNull())
    train = real.where(F.col("occurred_at") < F.lit(cut))
    held_out = real.where(F.col("occurred_at").between(F.lit(cut), F.lit(as_of)))
    bought = _bought(train)
    truth = _bought(held_out)
    truth_new = truth.join(bought, on=["person_id", "item_id"], how="left_anti")
    return Split(cut, as_of, train, bought, truth, truth_new)


def compare(
    recommenders: Mapping[str, Lists], parts: Split, catalogue_size: int, k: int = 10
) -> dict[str, dict[str, dict[str, float]]]:
    """Metrics of every recommender, fitted on `parts.train`: {name: {"all": {...}, "new": {...}}}.

    "all": what will this person buy. "new": what will they buy that they had not bought before; items they
    had are not recommended. See models.metrics.evaluate for the figures.
    """
    bought, truth_all, truth_new = (frame.persist() for frame in (parts.bought, parts.truth_all, parts.truth_new))
    lists = {}
    try:
        for name, recommend in recommenders.items():
            lists[f"{name}.all"] = (recommend(_people(truth_all), k, None), truth_all)
            lists[f"{name}.new"] = (recommend(_people(truth_new), k, bought), truth_new)
        judged = metrics.evaluate_all(lists, catalogue_size, k)
    finally:
        for frame in (bought, truth_all, truth_new):
            frame.unpersist()
    return {name: {items: judged[f"{name}.{items}"] for items in ("all", "new")} for name in recommenders}


def _bought(interactions: DataFrame) -> DataFrame:
    purchases = interactions.where(F.col("event_type") == "purchase")
    return purchases.select("person_id", "item_id").distinct()


def _people(truth: DataFrame) -> DataFrame:
    return truth.select("person_id").distinct()

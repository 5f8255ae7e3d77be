"""ALS on implicit feedback (Hu, Koren, Volinsky 2008), fitted by MLlib, kept as two tables of factors.

Symbols: a weight r becomes confidence 1 + alpha * r; an unseen pair has confidence 1; reg (lambda) is
scaled by the number of ratings of the row. Not handled here: people and items without factors (the caller
falls back).
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.ml.recommendation import ALS
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from models import ranking
from models.errors import ModelError, TooLittleData
from models.params import AlsParams
from models.recommender import Kept, Recommender, why

# The least normal float32 (IEEE 754), which MLlib takes: less is 0 there, and who has only that breaks the fit.
LEAST_WEIGHT = 2.0**-126
log = logging.getLogger(__name__)

PERSON_FACTORS, ITEM_FACTORS = "gold.person_factors", "gold.item_factors"


class AlsError(ModelError):
    """The ratings or the parameters cannot be learned from; the message says what was seen."""


@dataclass(frozen=True)
class AlsModel:
    """`person_factors`: person_id, factors array<float>; `item_factors`: item_id, factors. Same length in
    both.

    Made by `fit`, or built from the two tables as they were saved.
    """

    person_factors: DataFrame
    item_factors: DataFrame


def fit(ratings: DataFrame, params: AlsParams) -> AlsModel:
    """Learn factors from rows (person_id, item_id, weight > 0), one per person and item.

    The same ratings and params give the same factors up to float rounding: ids are numbered in sorted
    order. Few people or items get fewer factors than `rank`, and of fewer than ten times `min_people` people a tenth is
    asked of an item. A weight too small for MLlib counts as the least it takes. Raises TooLittleData on an empty frame,
    and AlsError on a weight that is null, NaN, infinite, zero or negative (MLlib would read it as "seen and disliked").
    The frames returned are computed and cut off from `ratings`.
    """
    min_people = max(1, min(params.min_people, _people_of_sound(ratings) // 10))
    learnable = ratings.join(_rated_by(ratings, min_people), on="item_id", how="left_semi")
    people = _numbered(learnable, "person_id").persist()
    items = _numbered(learnable, "item_id").persist()
    weight = F.greatest(F.col("weight"), F.lit(LEAST_WEIGHT))
    numbered = (
        learnable.join(people, on="person_id", how="inner")
        .join(items, on="item_id", how="inner")
        .select("person_id_index", "item_id_index", weight.cast("float").alias("weight"))
        .persist()
    )
    try:
        if numbered.isEmpty():
            raise TooLittleData(f"no item was rated by {min_people} people or more: nothing to learn from")
        rank = min(params.rank, people.count(), items.count())
        if (rank, min_people) != (params.rank, params.min_people):
            log.warning(
                "als: a small shop: %d factors, of items that %d people or more took up (the settings say %d and %d)",
                *(rank, min_people, params.rank, params.min_people),
            )
        model = _als(params, rank).fit(numbered)
        return AlsModel(_named(model.userFactors, people, "person_id"), _named(model.itemFactors, items, "item_id"))
    finally:
        for frame in (numbered, people, items):
            frame.unpersist()


def top_n(
    model: AlsModel,
    people: DataFrame,
    n: int,
    seen: DataFrame | None = None,
    items: DataFrame | None = None,
) -> DataFrame:
    """Rows (person_id, rank, item_id, score): the n items of highest predicted preference, about 0 to 1.

    A person without factors gets no row. With `seen` (person_id, item_id) only items new to the person; with
    `items` (item_id) only those. Ties by item id. Every item is scored.
    """
    factors = model.person_factors.join(people.select("person_id"), on="person_id", how="left_semi")
    candidates = model.item_factors
    if items is not None:
        candidates = candidates.join(items.select("item_id"), on="item_id", how="left_semi")
    return ranking.top_n(factors, candidates, n, seen)


def people_of(model: AlsModel) -> DataFrame:
    """Rows (person_id): who has factors, and so a list."""
    return model.person_factors.select("person_id")


def reason() -> Column:
    """People like this one took it up."""
    return why("similar_people")


def as_frames(model: AlsModel) -> dict[str, DataFrame]:
    """What is kept of the model, by table; `from_frames` makes it again."""
    return {PERSON_FACTORS: model.person_factors, ITEM_FACTORS: model.item_factors}


def from_frames(frames: Mapping[str, DataFrame]) -> AlsModel:
    """The model that `as_frames` gave."""
    return AlsModel(frames[PERSON_FACTORS], frames[ITEM_FACTORS])


def _als(params: AlsParams, rank: int) -> ALS:
    return ALS(
        userCol="person_id_index",
        itemCol="item_id_index",
        ratingCol="weight",
        implicitPrefs=True,
        rank=rank,
        maxIter=params.iterations,
        regParam=params.reg,
        alpha=params.alpha,
        seed=params.seed,
        numUserBlocks=params.blocks,
        numItemBlocks=params.blocks,
        coldStartStrategy="drop",
    )


def _people_of_sound(ratings: DataFrame) -> int:
    """About how many people the ratings are of. Raises AlsError, or TooLittleData, for ratings of no use."""
    weight = F.col("weight").cast("double")
    usable = weight.isNotNull() & ~F.isnan(weight) & (weight > 0) & (weight < F.lit(math.inf))
    people = F.approx_count_distinct("person_id")
    rows, bad, about = ratings.agg(F.count("*"), F.count_if(~usable), people).first() or (0, 0, 0)
    if rows == 0:
        raise TooLittleData("no ratings: nothing to learn from")
    if bad:
        raise AlsError(f"{bad} of {rows} ratings have a weight that is null, not finite, zero or negative")
    return int(about)


def _rated_by(ratings: DataFrame, people: int) -> DataFrame:
    """Items with at least that many ratings. On a grocer's year, 10 keeps 25 % of items, 84 % of ratings."""
    return ratings.groupBy("item_id").agg(F.count("*").alias("people")).where(F.col("people") >= people)


def _numbered(ratings: DataFrame, column: str) -> DataFrame:
    """One row per distinct id with its place in sorted order, 0 first: MLlib takes int32 only."""
    place = F.row_number().over(Window.orderBy(column)) - 1
    return ratings.select(column).distinct().select(column, place.alias(f"{column}_index"))


def _named(factors: DataFrame, numbers: DataFrame, column: str) -> DataFrame:
    """Factors by string id, computed now: localCheckpoint cuts the lineage that ten iterations have grown.

    Its blocks are freed when the frame is no longer referenced, like MLlib's own cached factors.
    """
    return (
        factors.join(numbers, on=factors["id"] == numbers[f"{column}_index"], how="inner")
        .select(column, F.col("features").cast("array<float>").alias("factors"))
        .localCheckpoint(eager=True)
    )


RECOMMENDER = Recommender(
    "als",
    fit,
    top_n,
    reason,
    people_of,
    Kept((PERSON_FACTORS, ITEM_FACTORS), as_frames, from_frames),
)

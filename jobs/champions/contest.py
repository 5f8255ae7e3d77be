"""The contest between recommenders: each fitted on what came before a cut, and asked for what was bought after it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from pyspark.sql import DataFrame

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from jobs.settings.evaluation_settings import EvaluationSettings
from jobs.settings.ratings_settings import RatingsSettings
from models import evaluation, promotion
from models.promotion import Decision, Metrics
from models.recommender import Recommender

CHAMPION = "champion"
"""What the reigning recipe is called among the contestants."""

Contestants = Mapping[str, tuple[Recommender, Any]]
"""Recommenders with the parameters to fit them by, under the names they are judged by."""

AsRatings = Callable[[DataFrame, RatingsSettings, datetime], DataFrame]
"""How gold.ratings is made: recommenders are judged on ratings made so of what came before the cut."""


def judged(lake: Lake, as_of: datetime, contestants: Contestants, as_ratings: AsRatings) -> dict[str, Metrics]:
    """{name: {"all": {...}, "new": {...}}} on the last days of real purchases, for each contestant."""
    settings = lake.settings
    interactions = personal(lake, "silver.interactions", "personalisation", as_of)
    parts = evaluation.split(interactions, as_of, settings.evaluation.holdout_days)
    ratings = as_ratings(parts.train, settings.ratings, parts.cut).persist()
    try:
        catalogue_size = tables.read(lake, "silver.items").count()
        lists = {
            name: partial(model.top_n, model.fit(ratings, params)) for name, (model, params) in contestants.items()
        }
        return dict(evaluation.compare(lists, parts, catalogue_size, settings.evaluation.k))
    finally:
        ratings.unpersist()


def decide(candidate: str, judgement: Mapping[str, Metrics], rules: EvaluationSettings) -> Decision:
    """Whether the candidate wins over the baselines, and over a champion of another recipe, by the settings' metric."""
    baselines = {name: judgement[name] for name in rules.baselines if name != candidate}
    return promotion.decide(judgement[candidate], judgement.get(CHAMPION), baselines, rules.metric, rules.min_gain)

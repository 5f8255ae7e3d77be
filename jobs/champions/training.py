"""A recommender learned anew, judged by time beside the baselines, and promoted only when it wins.

Judged on a split: fitted on real events before the cut, asked for what people bought after it. Then fitted on all of
gold.ratings; what is kept of that model is saved and registered in MLflow. The champion is judged on the same split,
so figures of other months are never compared. A candidate with the champion's own parameters is the same recipe on
fresher data and needs to beat only the baselines.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from jobs.champions import contest, kept, tracking
from jobs.champions.contest import AsRatings
from jobs.job import Job, Options
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from jobs.settings.loading import Settings
from models import registry
from models.errors import TooLittleData
from models.judgement_chart import judgement_chart
from models.promotion import Decision
from models.recommender import Recommender
from models.recommender_list import recommender
from models.registry import Origin, Registry

LEARNED_FROM = ("silver.interactions", "silver.consents", "silver.identities", "gold.ratings")

log = logging.getLogger(__name__)


def training_job(name: str, as_ratings: AsRatings) -> Job:
    """The job that trains that recommender."""

    def main(lake: Lake, options: Options) -> None:
        train(lake, recommender(name), options.as_of, as_ratings)

    return Job(f"train.{name}", main, reads=(*LEARNED_FROM, "silver.items"), also_writes=(f"models.{name}",))


def train(lake: Lake, candidate: Recommender, as_of: datetime, as_ratings: AsRatings) -> None:
    """Trains nothing, and says so, where there is too little to learn from: of all that was, or of what came before the
    days that it is judged by."""
    try:
        _train(lake, candidate, as_of, as_ratings)
    except TooLittleData as error:
        log.warning("train.%s: nothing was trained: %s", candidate.name, error)


def _train(lake: Lake, candidate: Recommender, as_of: datetime, as_ratings: AsRatings) -> None:
    settings, name = lake.settings, candidate.name
    where = tracking.registry_of(settings)
    params = settings.params_of(name)
    reigning = registry.resolve(where, name, registry.CHAMPION)
    recipe = recipe_of(reigning.params, params) if reigning else params
    contestants = {one: (recommender(one), settings.params_of(one)) for one in settings.evaluation.baselines}
    contestants[name] = (candidate, params)
    if recipe != params:
        contestants[contest.CHAMPION] = (candidate, recipe)
    judgement = contest.judged(lake, as_of, contestants, as_ratings)
    origin = tracking.origin(lake, LEARNED_FROM, as_of)
    for one in settings.evaluation.baselines:
        if one != name:
            _register_baseline(where, one, settings, origin, judgement[one])
    ratings = personal(lake, "gold.ratings", "personalisation", as_of)
    with registry.started(where, name, _as_values(params), origin) as run:
        registry.log_metrics(run, judgement[name])
        registry.log_chart(run, "judgement", judgement_chart(judgement))
        manifest = kept.save(lake, candidate, candidate.fit(ratings, params), run.run_id)
        version = registry.register(run, name, manifest)
    kept.forget_who_refuses(lake, candidate, as_of)
    _promote(where, version, contest.decide(name, judgement, settings.evaluation))


def recipe_of(logged: Mapping[str, str], params: Any) -> Any:
    """The parameters a version was fitted with, from the text MLflow keeps, in the type of `params`."""
    if params is None:
        return None
    types = {name: type(value) for name, value in asdict(params).items()}
    return type(params)(**{name: kind(logged[name]) for name, kind in types.items() if name in logged})


def _register_baseline(
    where: Registry, name: str, settings: Settings, origin: Origin, metrics: registry.NestedMetrics
) -> None:
    with registry.started(where, name, {"holdout_days": settings.evaluation.holdout_days}, origin) as run:
        registry.log_metrics(run, metrics)
        registry.register(run, name, {"run_id": run.run_id})


def _promote(where: Registry, version: registry.Version, decision: Decision) -> None:
    registry.set_tags(where, version, {"gate": "\n".join(decision.reasons), "promoted": str(decision.promoted)})
    if decision.promoted:
        registry.set_alias(where, version.name, registry.CHAMPION, version.version)
    outcome = "promoted to champion" if decision.promoted else "not promoted"
    log.info("train.%s: version %s %s: %s", version.name, version.version, outcome, "; ".join(decision.reasons))


def _as_values(params: Any) -> dict[str, Any]:
    return {} if params is None else asdict(params)

"""train.als: ALS learned anew, judged by time beside the baselines, and promoted only when it wins.

Judged on a split: fitted on real events before the cut, asked for what people bought after it. Then fitted on
all of gold.ratings; those factors are saved (gold.person_factors, gold.item_factors: one row per run and person
or item) and registered in MLflow. The champion is judged on the same split, so figures of other months are never
compared. A candidate with the champion's own parameters is the same recipe on fresher data and needs to beat
only the baselines.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import job
from jobs.champions import tracking
from jobs.gold.ratings import as_ratings
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.people.consent import consented
from jobs.settings.loading import Settings
from models import als, evaluation, frequency, popularity, promotion, registry
from models.als import AlsParams
from models.evaluation import Recommender, Split
from models.promotion import Decision, Metrics

NAME = "als"
BASELINES = ("popularity", "frequency")
LEARNED_FROM = ("silver.interactions", "silver.consents", "gold.ratings")

log = logging.getLogger(__name__)


def recommenders(parts: Split, ratings: DataFrame, recipes: Mapping[str, AlsParams]) -> dict[str, Recommender]:
    """Every model fitted on `ratings`, which must come from `parts.train`: the baselines, and ALS per recipe."""
    sold = popularity.fit(ratings)
    fitted: dict[str, Recommender] = {
        "popularity": partial(popularity.top_n, sold),
        "frequency": partial(frequency.top_n, frequency.fit(ratings, sold)),
    }
    for name, params in recipes.items():
        fitted[name] = partial(als.top_n, als.fit(ratings.select("person_id", "item_id", "weight"), params))
    return fitted


def judge(
    spark: SparkSession, settings: Settings, options: job.Options, champion: AlsParams | None
) -> dict[str, Metrics]:
    """{model: {"all": {...}, "new": {...}}} on the last days of real purchases.

    `champion` is among the models only when its recipe differs from the candidate's.
    """
    interactions = consented(tables.read(spark, "silver.interactions"), "personalisation", options.as_of)
    parts = evaluation.split(interactions, options.as_of, settings.evaluation.holdout_days)
    recipes = {NAME: params_of(settings)}
    if champion is not None and champion != recipes[NAME]:
        recipes["champion"] = champion
    ratings = as_ratings(parts.train, settings.ratings, parts.cut).persist()
    try:
        catalogue_size = tables.read(spark, "silver.items").count()
        fitted = recommenders(parts, ratings, recipes)
        return dict(evaluation.compare(fitted, parts, catalogue_size, settings.evaluation.k))
    finally:
        ratings.unpersist()


def decide(judged: Mapping[str, Metrics], settings: Settings) -> Decision:
    """Whether ALS wins over the baselines, and over a champion of another recipe, by the metric of the settings."""
    rules = settings.evaluation
    baselines = {name: judged[name] for name in BASELINES}
    return promotion.decide(judged[NAME], judged.get("champion"), baselines, rules.metric, rules.min_gain)


def params_of(settings: Settings) -> AlsParams:
    return AlsParams(**settings.als.model_dump())


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for("train.als", settings)
    where = tracking.registry_of(settings)
    reigning = registry.resolve(where, NAME, registry.CHAMPION)
    judged = judge(spark, settings, options, _recipe(reigning) if reigning else None)
    origin = tracking.origin(spark, settings, LEARNED_FROM, options.as_of)
    for name in BASELINES:
        with registry.started(where, name, {"holdout_days": settings.evaluation.holdout_days}, origin) as run:
            registry.log_metrics(run, judged[name])
            registry.register(run, name, {"run_id": run.run_id})
    params = params_of(settings)
    ratings = consented(tables.read(spark, "gold.ratings"), "personalisation", options.as_of)
    with registry.started(where, NAME, asdict(params), origin) as run:
        registry.log_metrics(run, judged[NAME])
        manifest = _saved(als.fit(ratings, params), run.run_id)
        version = registry.register(run, NAME, manifest)
    _forget_who_refuses(spark, options.as_of)
    decision = decide(judged, settings)
    registry.set_tags(where, version, {"gate": "\n".join(decision.reasons), "promoted": str(decision.promoted)})
    if decision.promoted:
        registry.set_alias(where, NAME, registry.CHAMPION, version.version)
    verdict = "promoted to champion" if decision.promoted else "not promoted"
    log.info("train.als: version %s %s: %s", version.version, verdict, "; ".join(decision.reasons))


def _recipe(version: registry.Version) -> AlsParams:
    """The parameters a version was fitted with, from the text MLflow keeps."""
    kinds = {name: type(value) for name, value in asdict(AlsParams()).items()}
    return AlsParams(**{name: kind(version.params[name]) for name, kind in kinds.items() if name in version.params})


def _forget_who_refuses(spark: SparkSession, as_of: datetime) -> None:
    """Drops the factors, of this run and of all before, of persons who do not allow personalisation."""
    people = tables.read(spark, "gold.person_factors").select("person_id").distinct()
    refusing = people.join(consented(people, "personalisation", as_of), on="person_id", how="left_anti")
    tables.remove(refusing, "gold.person_factors", "person_id")


def _saved(model: als.AlsModel, run_id: str) -> dict[str, object]:
    """Saves the factors under the run; returns the manifest that finds them again."""
    where = f"run_id = '{run_id}'"
    person = tables.overwrite(model.person_factors.withColumn("run_id", F.lit(run_id)), "gold.person_factors", where)
    item = tables.overwrite(model.item_factors.withColumn("run_id", F.lit(run_id)), "gold.item_factors", where)
    return {"run_id": run_id, "tables": {"gold.person_factors": person, "gold.item_factors": item}}


if __name__ == "__main__":
    job.submit(main)

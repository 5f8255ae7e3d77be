"""train.personas: kinds of shoppers found in gold.features, registered in MLflow and made champion.

A model whose smallest cluster is unfit never comes out of models.personas, so what comes out reigns, unless it would
put too many people into another persona. Its personas keep the ids and names of the champion before where they are the
same (models/persona_labels.py); the manifest and the log say which are new and which are retired.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.champions import tracking
from jobs.gold.features import as_numbers, largest
from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from models import persona_labels, personas, registry
from models.errors import TooLittleData
from models.params import PersonasParams
from models.persona_chart import persona_chart
from models.persona_labels import Changes
from models.persona_trials import Trial
from models.personas import PersonasModel
from models.registry import Registry

NAME = "personas"
CATEGORIES, BRANDS = 8, 4
"""So many of each, the largest, tell personas apart."""

log = logging.getLogger(__name__)


def main(lake: Lake, options: Options) -> None:
    settings = lake.settings
    features = personal(lake, "gold.features", "personalisation", options.as_of)
    params = settings.personas
    categories, brands = largest(features, "category", CATEGORIES), largest(features, "brand", BRANDS)
    where = tracking.registry_of(settings)
    origin = tracking.origin(lake, ["gold.features"], options.as_of)
    numbers = as_numbers(features, categories, brands)
    try:
        former = _former(where, features)
        model, changes = fitted(former, numbers, params)
    except TooLittleData as error:
        log.warning("train.personas: nothing was trained: %s", error)
        return
    moved = 0.0 if former is None else share_moved(former, model, numbers)
    with registry.started(where, NAME, asdict(params), origin) as run:
        registry.log_metrics(run, as_metrics(model) | {"movement": {"share": moved}})
        registry.log_chart(run, "personas", persona_chart(model, numbers))
        manifest = {"categories": categories, "brands": brands, "model": personas.as_values(model)}
        version = registry.register(run, NAME, {**manifest, "changes": asdict(changes)})
    if moved > params.max_movement:
        log.warning(
            "train.personas: version %s is not promoted: %.0f%% of the people would be in another persona (max_movement"
            " is %.0f%%); to promote it all the same: lakehouse models promote personas",
            *(version.version, 100 * moved, 100 * params.max_movement),
        )
    else:
        registry.set_alias(where, NAME, registry.CHAMPION, version.version)
    _report(model, changes, params, version.version)


@dataclass(frozen=True)
class Former:
    """The champion, and today's people in its columns. `last_number`: the highest that a segment_id was given yet."""

    model: PersonasModel
    numbers: DataFrame
    last_number: int


def fitted(former: Former | None, numbers: DataFrame, params: PersonasParams) -> tuple[PersonasModel, Changes]:
    """The model of today's people, with the former one's ids and names; with its own where there is none."""
    if former is None:
        model = personas.fit(numbers, params)
        return model, Changes({}, model.personas, ())
    model = personas.fit(numbers, params, personas.assign(former.model, former.numbers))
    return persona_labels.relabelled(
        model, numbers, former.model, former.numbers, params.same_within, former.last_number
    )


def share_moved(former: Former, model: PersonasModel, numbers: DataFrame) -> float:
    """The share of today's people who are in another persona than by the former model; 0 to 1."""
    before, after = personas.assign(former.model, former.numbers), personas.assign(model, numbers)
    both = before.alias("before").join(after.alias("after"), on="person_id", how="inner")
    is_other = F.col("before.segment_id") != F.col("after.segment_id")
    return float(both.agg(F.coalesce(F.avg(is_other.cast("double")), F.lit(0.0))).collect()[0][0])


def _former(where: Registry, features: DataFrame) -> Former | None:
    """None where there is no champion, or one of a release that did not say which categories it knows.

    The newest version counts too for which numbers were given: an operator may have set the champion back.
    """
    champion = _manifest(where, registry.CHAMPION)
    if champion is None:
        return None
    newest = _manifest(where, registry.CANDIDATE) or champion
    return Former(
        personas.from_values(champion["model"]),
        as_numbers(features, champion["categories"], champion["brands"]),
        persona_labels.last_given(personas.from_values(newest["model"])),
    )


def as_metrics(model: PersonasModel) -> dict[str, dict[str, float]]:
    """What was tried, as MLflow keeps it: kmeans_k4.silhouette and so on."""
    nowhere = {} if model.nowhere is None else {"hdbscan": {"share_nowhere": model.nowhere}}
    return {f"{trial.algorithm}_k{trial.k}": _figures(trial) for trial in model.trials} | nowhere


def _figures(trial: Trial) -> dict[str, float]:
    figures = {
        "silhouette": trial.silhouette,
        "davies_bouldin": trial.davies_bouldin,
        "stability": trial.stability,
        "share": trial.smallest_share,
    }
    return {name: value for name, value in figures.items() if value is not None}


def _manifest(where: Registry, alias: str) -> Mapping[str, Any] | None:
    version = registry.resolve(where, NAME, alias)
    manifest = registry.manifest(where, version) if version else {}
    return manifest if "categories" in manifest else None


def _report(model: PersonasModel, changes: Changes, params: PersonasParams, version: str) -> None:
    if model.k < params.k_min:
        tried = ", ".join(f"{trial.smallest:,} at k = {trial.k}" for trial in model.trials if trial.k > model.k)
        log.warning(
            "train.personas: %d personas, fewer than k_min = %d: each is to hold %.1f%% of the people and %d of them at"
            " least, and the smallest would hold %s",
            *(model.k, params.k_min, 100 * params.min_share, params.min_people, tried),
        )
    for persona in changes.retired:
        log.warning("train.personas: %s, %s, is retired: nobody shops so any more", persona.segment_id, persona.name)
    if changes.kept:
        for persona in changes.new:
            log.info("train.personas: %s, %s, is new", persona.segment_id, persona.name)
    names = ", ".join(f"{persona.segment_id} {persona.name} ({persona.share:.0%})" for persona in model.personas)
    how = f"{model.clustering.algorithm}, k = {model.k}"
    log.info("train.personas: version %s, %s: %s", version, how, names)


JOB = Job(
    "train.personas",
    main,
    reads=("gold.features", "silver.consents", "silver.identities"),
    also_writes=("models.personas",),
)

if __name__ == "__main__":
    submit(JOB)

"""train.personas: kinds of shoppers found in gold.features, registered in MLflow and made champion.

A model whose smallest cluster or silhouette is unfit never comes out of models.personas, so what comes out reigns.
"""

import logging
from dataclasses import asdict

from jobs.champions import tracking
from jobs.gold.features import as_numbers, largest
from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from models import personas, registry
from models.errors import TooLittleData

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
    try:
        model = personas.fit(as_numbers(features, categories, brands), params)
    except TooLittleData as error:
        log.warning("train.personas: nothing was trained: %s", error)
        return
    with registry.started(where, NAME, asdict(params), origin) as run:
        trials = {
            f"k{trial.k}": {"silhouette": trial.silhouette, "share": trial.smallest_share} for trial in model.trials
        }
        registry.log_metrics(run, trials)
        manifest = {"categories": categories, "brands": brands, "model": personas.as_values(model)}
        version = registry.register(run, NAME, manifest)
    registry.set_alias(where, NAME, registry.CHAMPION, version.version)
    if model.k < params.k_min:
        tried = ", ".join(f"{trial.smallest:,} at k = {trial.k}" for trial in model.trials[:-1])
        log.warning(
            "train.personas: %d personas, fewer than k_min = %d: each is to hold %.1f%% of the people and %d of them at"
            " least, and the smallest would hold %s",
            *(model.k, params.k_min, 100 * params.min_share, params.min_people, tried),
        )
    names = ", ".join(f"{persona.name} ({persona.share:.0%})" for persona in model.personas)
    log.info("train.personas: version %s, k = %d: %s", version.version, model.k, names)


JOB = Job(
    "train.personas",
    main,
    reads=("gold.features", "silver.consents", "silver.identities"),
    also_writes=("models.personas",),
)

if __name__ == "__main__":
    submit(JOB)

"""train.personas: kinds of shoppers found in gold.features, registered in MLflow and made champion.

A model whose smallest cluster or silhouette is unfit never comes out of models.personas, so what comes out reigns.
"""

import logging
from dataclasses import asdict

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import job
from jobs.champions import tracking
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.people.consent import consented
from jobs.settings.loading import Settings
from models import personas, registry
from models.personas import PersonasParams

NAME = "personas"
DEPARTMENTS = 8
NUMBERS = ("recency_days", "baskets", "lines", "spend", "mean_basket", "items", "discount_share")

log = logging.getLogger(__name__)


def as_numbers(features: DataFrame, departments: list[str]) -> DataFrame:
    """Rows of gold.features as person_id and numeric columns, a `dept_x` for the share of each department."""
    shares = [
        F.coalesce(F.col("departments")[name], F.lit(0.0)).alias("dept_" + name.lower().replace(" ", "_"))
        for name in departments
    ]
    return features.select("person_id", *NUMBERS, *shares)


def largest_departments(features: DataFrame) -> list[str]:
    """The departments with the largest mean share of spend, largest first, ties by name."""
    shares = features.select(F.explode("departments").alias("department", "share")).groupBy("department")
    rows = shares.agg(F.sum("share").alias("share")).orderBy(F.desc("share"), "department").limit(DEPARTMENTS)
    return [row["department"] for row in rows.collect()]


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for("train.personas", settings)
    features = consented(tables.read(spark, "gold.features"), "personalisation", options.as_of)
    departments = largest_departments(features)
    params = PersonasParams(**settings.personas.model_dump())
    where = tracking.registry_of(settings)
    origin = tracking.origin(spark, settings, ["gold.features"], options.as_of)
    with registry.started(where, NAME, asdict(params), origin) as run:
        model = personas.fit(as_numbers(features, departments), params)
        trials = {
            f"k{trial.k}": {"silhouette": trial.silhouette, "share": trial.smallest_share} for trial in model.trials
        }
        registry.log_metrics(run, trials)
        manifest = {"departments": departments, "model": personas.as_values(model)}
        version = registry.register(run, NAME, manifest)
    registry.set_alias(where, NAME, registry.CHAMPION, version.version)
    names = ", ".join(f"{persona.name} ({persona.share:.0%})" for persona in model.personas)
    log.info("train.personas: version %s, k = %d: %s", version.version, model.k, names)


if __name__ == "__main__":
    job.submit(main)

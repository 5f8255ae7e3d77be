"""gold.segments: one row per person and segment they are in. Today's segments are the personas of the champion."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import job
from jobs.champions import tracking
from jobs.lake import tables
from jobs.lake.session import spark_for
from jobs.people.consent import consented
from jobs.settings.loading import Settings
from jobs.train.personas import as_numbers
from models import personas, registry
from models.personas import PersonasModel

TABLE = "gold.segments"


def as_segments(numbers: DataFrame, model: PersonasModel, version: str) -> DataFrame:
    """Each person of `numbers` (see train.personas) in the nearest persona."""
    names = F.create_map(*[F.lit(part) for persona in model.personas for part in (persona.segment_id, persona.name)])
    assigned = personas.assign(model, numbers)
    return assigned.withColumn("name", names[F.col("segment_id")]).withColumn("model_version", F.lit(version))


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for(TABLE, settings)
    version = tracking.champion(settings, "personas")
    manifest = registry.manifest(tracking.registry_of(settings), version)
    features = consented(tables.read(spark, "gold.features"), "personalisation", options.as_of)
    numbers = as_numbers(features, manifest["departments"])
    tables.overwrite(as_segments(numbers, personas.from_values(manifest["model"]), version.version), TABLE)


if __name__ == "__main__":
    job.submit(main)

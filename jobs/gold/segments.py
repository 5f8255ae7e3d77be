"""gold.segments: one row per person and segment they are in. Today's segments are the personas of the champion."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.champions import tracking
from jobs.gold.features import as_numbers
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from models import personas, registry
from models.personas import PersonasModel

TABLE = "gold.segments"


def as_segments(numbers: DataFrame, model: PersonasModel, version: str) -> DataFrame:
    """Each person of `numbers` (see train.personas) in the nearest persona."""
    names = F.create_map(*[F.lit(part) for persona in model.personas for part in (persona.segment_id, persona.name)])
    assigned = personas.assign(model, numbers)
    return assigned.withColumn("name", names[F.col("segment_id")]).withColumn("model_version", F.lit(version))


def main(lake: Lake, options: Options) -> None:
    version = tracking.champion(lake.settings, "personas")
    manifest = registry.manifest(tracking.registry_of(lake.settings), version)
    features = personal(lake, "gold.features", "personalisation", options.as_of)
    numbers = as_numbers(features, manifest["departments"])
    tables.overwrite(lake, TABLE, as_segments(numbers, personas.from_values(manifest["model"]), version.version))


JOB = Job(TABLE, main, reads=("gold.features", "silver.consents", "models.personas"))

if __name__ == "__main__":
    submit(JOB)

"""gold.segments: one row per person and segment they are in. Today's segments are the personas of the champion."""

import logging

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.champions import tracking
from jobs.errors import OperatorError
from jobs.gold.features import as_numbers
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from models import personas, registry
from models.personas import PersonasModel

TABLE = "gold.segments"

log = logging.getLogger(__name__)


def as_segments(numbers: DataFrame, model: PersonasModel, version: str) -> DataFrame:
    """Each person of `numbers` (see train.personas) in the nearest persona."""
    names = F.create_map(*[F.lit(part) for persona in model.personas for part in (persona.segment_id, persona.name)])
    assigned = personas.assign(model, numbers)
    return assigned.withColumn("name", names[F.col("segment_id")]).withColumn("model_version", F.lit(version))


def main(lake: Lake, options: Options) -> None:
    version = tracking.champion_if_any(lake.settings, "personas")
    if version is None:
        log.warning("%s: no personas were trained yet, so nobody is in one", TABLE)
        tables.overwrite(lake, TABLE, lake.spark.createDataFrame([], TABLES[TABLE].ddl))
        return
    manifest = registry.manifest(tracking.registry_of(lake.settings), version)
    features = personal(lake, "gold.features", "personalisation", options.as_of)
    if "categories" not in manifest:
        raise OperatorError(
            f"{TABLE}: personas version {version.version} was trained by another release; run: lakehouse run"
            " gold.features train.personas"
        )
    numbers = as_numbers(features, manifest["categories"], manifest["brands"])
    tables.overwrite(lake, TABLE, as_segments(numbers, personas.from_values(manifest["model"]), version.version))


JOB = Job(TABLE, main, reads=("gold.features", "silver.consents", "silver.identities", "models.personas"))

if __name__ == "__main__":
    submit(JOB)

"""The frames of fitted recommenders in the lake: one set of rows per run, found again by the model's version."""

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from models.recommender import Recommender
from models.registry import Version


def save(lake: Lake, recommender: Recommender, model: object, run_id: str) -> dict[str, object]:
    """Saves what is kept of a model under the run; returns the manifest that finds it again."""
    if recommender.kept is None:
        return {"run_id": run_id}
    versions = {
        table: tables.overwrite(lake, table, frame.withColumn("run_id", F.lit(run_id)), f"run_id = '{run_id}'")
        for table, frame in recommender.kept.as_frames(model).items()
    }
    return {"run_id": run_id, "tables": versions}


def load(lake: Lake, recommender: Recommender, version: Version) -> object:
    """The model of a registered version of a recommender that is kept."""
    assert recommender.kept is not None, f"{recommender.name} is fitted anew wherever it is asked"
    of_run = F.col("run_id") == version.run_id
    frames = {table: tables.read(lake, table).where(of_run) for table in recommender.kept.tables}
    return recommender.kept.from_frames(frames)


def forget_who_refuses(lake: Lake, recommender: Recommender, as_of: datetime) -> None:
    """Deletes the rows, of all runs, of persons who do not allow personalisation."""
    for table in recommender.kept.tables if recommender.kept else ():
        frame = tables.read(lake, table)
        if "person_id" in frame.columns:
            tables.remove(lake, table, _refusing(lake, table, frame, as_of), "person_id")


def _refusing(lake: Lake, table: str, frame: DataFrame, as_of: datetime) -> DataFrame:
    allowing = personal(lake, table, "personalisation", as_of).select("person_id").distinct()
    return frame.select("person_id").distinct().join(allowing, on="person_id", how="left_anti")

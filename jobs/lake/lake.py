"""A lake in hand: what every function that reads or writes tables is given."""

from dataclasses import dataclass, replace

from pyspark.sql import DataFrame, SparkSession

from jobs.settings.loading import Settings


@dataclass(frozen=True)
class Lake:
    """One lake, seen from one Spark session, by the settings of one environment.

    `jobs.lake.session.open_lake` makes it for a job or a notebook.
    """

    spark: SparkSession
    settings: Settings

    @property
    def root(self) -> str:
        """The folder or URI that all of its tables lie below, without a slash at its end."""
        return self.settings.lake.root.rstrip("/")

    def within(self, batch: DataFrame) -> "Lake":
        """The same lake in the session of a micro-batch: Spark gives every streaming query a session of its own."""
        return replace(self, spark=batch.sparkSession)

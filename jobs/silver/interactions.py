"""silver.interactions: one row per event and item that a person saw, wanted, bought or gave back.

Searches, page views and what names no item are not here. An order that names one item twice gives one row with
the quantities and amounts added. Whose row it is, is not said here: the ids that the event came with are kept.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamWriter

from jobs.job import Job, Options, submit
from jobs.lake import derived, tables
from jobs.lake.lake import Lake
from jobs.landing.lines import OF_THE_EVENT, with_line

TABLE = "silver.interactions"
SOURCE = "silver.events"


def as_interactions(events: DataFrame) -> DataFrame:
    """Rows of silver.events as one row per event and item."""
    return with_line(events).select(
        "event_id",
        "event_type",
        "user_id",
        "anonymous_id",
        "device_id",
        "line.*",
        *OF_THE_EVENT,
        "event_date",
        F.col("payload.store_id").alias("store_id"),
        F.col("context.source").alias("source"),
    )


def main(lake: Lake, options: Options) -> int:
    def writer(events: DataFrame) -> DataStreamWriter:
        return tables.append_stream(lake, TABLE, as_interactions(events))

    return derived.run(lake, TABLE, SOURCE, options.every_behind(lake.settings.streaming.trigger_seconds), writer)


def rebuild(lake: Lake) -> None:
    derived.rebuild(lake, TABLE, SOURCE, as_interactions)


JOB = Job(TABLE, main, reads=(SOURCE,), stays=True, rebuild=rebuild)

if __name__ == "__main__":
    submit(JOB)

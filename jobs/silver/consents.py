"""silver.consents: one row per event and purpose on which it says something: what was said, by whom, from when.

Append-only and bitemporal: `valid_from` is when it was said, `recorded_at` when the broker took it. What was believed
at time R of time V: the rows with recorded_at <= R and valid_from <= V, by the rule of jobs/people/consent.py. Whose
statement it is, is not said here: the ids that it came with are kept. A client may repeat its copy with every event:
of equal copies that follow each other within a micro-batch, by time and by arrival, the first and the last are kept,
so what counts is exact in whatever order events arrive.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamWriter

from jobs.job import Job, Options, submit
from jobs.lake import derived, streams, tables
from jobs.lake.lake import Lake
from jobs.people.statements import as_statements

TABLE = "silver.consents"
SOURCE = "silver.events"


def only_news(statements: DataFrame) -> DataFrame:
    """Every statement of a person; of equal copies of a client in a row the first and the last."""
    by_time = Window.partitionBy("user_id", "anonymous_id", "purpose", "said_by").orderBy(
        "valid_from", F.desc("is_granted"), "recorded_at", "event_id"
    )
    before, after = (F.lag(F.struct("is_granted", "recorded_at"), place).over(by_time) for place in (1, -1))
    is_inside = (
        (before["is_granted"] == F.col("is_granted"))
        & (after["is_granted"] == F.col("is_granted"))
        & F.col("recorded_at").between(before["recorded_at"], after["recorded_at"])
    )
    marked = statements.withColumn("_is_repeated", F.coalesce(is_inside, F.lit(False)))
    return marked.where("said_by = 'person' OR NOT _is_repeated").drop("_is_repeated")


def land(lake: Lake, events: DataFrame, batch: int) -> None:
    """One micro-batch of silver.events into the table, once."""
    statements = only_news(as_statements(events))
    tables.append_once(lake.within(events), TABLE, statements, streams.query_id(events), batch)


def main(lake: Lake, options: Options) -> int:
    def writer(events: DataFrame) -> DataStreamWriter:
        return events.writeStream.foreachBatch(lambda rows, batch: land(lake, rows, batch))

    return derived.run(lake, TABLE, SOURCE, options.every_behind(lake.settings.streaming.trigger_seconds), writer)


def rebuild(lake: Lake) -> None:
    derived.rebuild(lake, TABLE, SOURCE, lambda events: only_news(as_statements(events)))


JOB = Job(TABLE, main, reads=(SOURCE,), stays=True, rebuild=rebuild)

if __name__ == "__main__":
    submit(JOB)

"""silver.consents: one row per event and purpose on which it says something: what was said, by whom, from when.

Append-only and bitemporal: `valid_from` is when it was said, `recorded_at` when the broker took it. What was believed
at time R of time V: the rows with recorded_at <= R and valid_from <= V, by the rule of jobs.people.consent. A client
may repeat its copy with every event: of equal copies of a person that follow each other within a micro-batch the
first and the last are kept, so what counts now is exact in whatever order events arrive. A statement of one person
that arrives late, between two copies, is ordered as if the copies between were not there.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from expectations.schemas.silver import PURPOSES
from jobs import job
from jobs.lake import streams, tables
from jobs.lake.session import spark_for
from jobs.settings.loading import Settings

TABLE = "silver.consents"


def as_statements(events: DataFrame) -> DataFrame:
    """Events, typed as in silver.events, as one row per purpose that they grant or deny."""
    payload, is_act = F.col("payload"), F.col("event_type") == "consent"
    statements = F.array(*[_statement(purpose, is_act) for purpose in PURPOSES])
    is_said = F.col("said_by") == "person"
    return (
        events.where(is_act | F.col("consent").isNotNull())
        .withColumn("statement", F.explode(statements))
        .where("statement.is_granted IS NOT NULL")
        .select(
            F.coalesce("user_id", "anonymous_id").alias("person_id"),
            "statement.*",
            F.col("occurred_at").alias("valid_from"),
            F.col("received_at").alias("recorded_at"),
            payload["source"].alias("source"),
            payload["text_version"].alias("text_version"),
            "event_id",
        )
        .withColumns({name: F.when(is_said, F.col(name)) for name in ("source", "text_version")})
    )


def only_news(statements: DataFrame) -> DataFrame:
    """Every statement of a person; of equal copies of a client in a row, by time, the first and the last."""
    by_time = Window.partitionBy("person_id", "purpose", "said_by").orderBy(
        "valid_from", F.desc("is_granted"), "event_id"
    )
    is_granted = F.col("is_granted")
    is_inside = (F.lag("is_granted").over(by_time) == is_granted) & (F.lead("is_granted").over(by_time) == is_granted)
    marked = statements.withColumn("is_repeated", F.coalesce(is_inside, F.lit(False)))
    return marked.where("said_by = 'person' OR NOT is_repeated").drop("is_repeated")


def land(events: DataFrame, batch: int) -> None:
    """One micro-batch of silver.events into the table, once."""
    tables.append_once(only_news(as_statements(events)), TABLE, streams.query_id(events), batch)


def main(settings: Settings, options: job.Options) -> None:
    spark = spark_for(TABLE, settings)
    events = tables.stream(spark, "silver.events")
    tables.create(spark, TABLE)
    streams.run(events.writeStream.foreachBatch(land), spark, TABLE, settings, options.continuous)


def _statement(purpose: str, is_act: Column) -> Column:
    """What an event says on the purpose: in a consent event the payload goes before the client's copy."""
    said = F.when(is_act, F.col("payload")["purposes"][purpose])
    return F.struct(
        F.lit(purpose).alias("purpose"),
        F.coalesce(said, F.col("consent")[purpose]).alias("is_granted"),
        F.when(said.isNotNull(), "person").otherwise("client").alias("said_by"),
    )


if __name__ == "__main__":
    job.submit(main)

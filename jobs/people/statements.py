"""What an event says of consent: a statement for each purpose that it grants or denies."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import PURPOSES


def as_statements(events: DataFrame) -> DataFrame:
    """Events, typed as in silver.events, as one row per purpose: what was said, by whom, from when."""
    payload, is_act = F.col("payload"), F.col("event_type") == "consent"
    statements = F.array(*[_statement(purpose, is_act) for purpose in PURPOSES])
    by_person = F.col("said_by") == "person"
    return (
        events.where(is_act | F.col("consent").isNotNull())
        .withColumn("statement", F.explode(statements))
        .where("statement.is_granted IS NOT NULL")
        .select(
            "event_id",
            "user_id",
            "anonymous_id",
            "device_id",
            "statement.*",
            # A clock that is ahead does not make a word of now one of later.
            F.least("occurred_at", "received_at").alias("valid_from"),
            F.col("received_at").alias("recorded_at"),
            payload["source"].alias("source"),
            payload["text_version"].alias("text_version"),
        )
        .withColumns({name: F.when(by_person, F.col(name)) for name in ("source", "text_version")})
    )


def _statement(purpose: str, is_act: Column) -> Column:
    """What an event says on the purpose: in a consent event the payload goes before the client's copy."""
    in_payload = F.when(is_act, F.col("payload")["purposes"][purpose])
    return F.struct(
        F.lit(purpose).alias("purpose"),
        F.coalesce(in_payload, F.col("consent")[purpose]).alias("is_granted"),
        F.when(in_payload.isNotNull(), "person").otherwise("client").alias("said_by"),
    )

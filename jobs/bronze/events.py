"""bronze.events: one row per message on the Kafka topic, made safe to keep, exactly once per offset.

Direct identifiers are replaced by tokens before the first byte is written; what cannot be read is encrypted. Nothing
is judged and nothing is dropped here: what the message is worth is silver.events' to say.
"""

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.contract import Contract, contract
from jobs import job
from jobs.lake import streams, tables
from jobs.lake.session import spark_for
from jobs.privacy.columns import as_safe
from jobs.privacy.message import Safe, safe_way
from jobs.schema_registry import lookup as registry
from jobs.schema_registry.framing import Lookup, with_plain_value
from jobs.settings.loading import Settings

TABLE = "bronze.events"


def as_received(messages: DataFrame) -> DataFrame:
    """Kafka-shaped rows (topic, partition, offset, timestamp, key, value) in the table's columns."""
    return messages.withColumn("received_at", F.col("timestamp")).withColumn("received_date", F.to_date("timestamp"))


def from_kafka(spark: SparkSession, settings: Settings) -> DataFrame:
    options = {
        "kafka.bootstrap.servers": settings.kafka.bootstrap,
        "subscribe": settings.kafka.topic,
        "startingOffsets": "earliest",
        "maxOffsetsPerTrigger": str(settings.kafka.max_offsets_per_trigger),
    }
    return spark.readStream.format("kafka").options(**options).load()


def as_safe_messages(messages: DataFrame, rules: Contract, framed: Lookup | None, how: Safe) -> DataFrame:
    """Messages as they may be kept: out of a schema registry's frame first, where there is a registry."""
    plain = messages.withColumn("refusal", F.lit(None).cast("string"))
    if framed is not None:
        plain = with_plain_value(messages, framed)
    return plain.transform(as_safe(rules, how))


def land(messages: DataFrame, batch: int, framed: Lookup | None, how: Safe) -> None:
    """One micro-batch of the topic into the table, once."""
    query = streams.query_id(messages)
    # Asked for the ids in it before it is written, a batch would be read from Kafka more than once. Kept in memory
    # alone: on no disk may lie what names somebody.
    received = messages if framed is None else messages.persist(StorageLevel.MEMORY_ONLY)
    try:
        safe = as_safe_messages(received, contract(), framed, how)
        tables.append_once(as_received(safe), TABLE, query, batch)
    finally:
        received.unpersist()


def main(settings: Settings, options: job.Options) -> None:
    how = safe_way(settings.privacy)
    framed = registry.lookup(settings.registry)
    streams.require_topic(settings)
    spark = spark_for(TABLE, settings)
    tables.create(spark, TABLE)
    messages = from_kafka(spark, settings)
    writer = messages.writeStream.foreachBatch(lambda rows, batch: land(rows, batch, framed, how))
    streams.run(writer, spark, TABLE, settings, options.continuous)


if __name__ == "__main__":
    job.submit(main)

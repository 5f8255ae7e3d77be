"""bronze.events: one row per message on the Kafka topic, made safe to keep, exactly once per offset.

Direct identifiers are replaced by tokens before the first byte is written; what cannot be read is encrypted. Nothing
is judged and nothing is dropped here: what the message is worth is silver.events' to say.
"""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.contract import contract
from jobs.lake import job, streams, tables
from jobs.lake.session import spark_for
from jobs.lake.settings import Settings
from jobs.privacy.columns import as_safe
from jobs.privacy.message import safe_way

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


def main(settings: Settings, options: job.Options) -> None:
    how = safe_way(settings.privacy)
    streams.require_topic(settings)
    spark = spark_for(TABLE, settings)
    tables.create(spark, TABLE)
    safe = from_kafka(spark, settings).transform(as_safe(contract(), how))
    landed = tables.conformed(as_received(safe), TABLE)
    streams.run(tables.append_stream(landed, TABLE), spark, TABLE, settings, options.continuous)


if __name__ == "__main__":
    job.submit(main)

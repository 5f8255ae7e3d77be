"""The flow as one would write it in twenty lines, with no guarantee: what landing's guarantees are paid against."""

from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.streaming import DataStreamWriter

from expectations.contract import committed_contract
from expectations.schemas import TABLES
from jobs.lake.lake import Lake


def schema() -> T.StructType:
    """The fields of a message, in the types of silver.events."""
    names = [field.name for field in committed_contract().envelope.fields]
    columns = T.StructType.fromDDL(TABLES["silver.events"].ddl)
    return T.StructType([columns[name] for name in names])


class ByHand:
    """Its two tables and their checkpoints, in a folder of their own."""

    def __init__(self, lake: Lake, folder: str) -> None:
        self.lake, self.folder = lake, folder

    def bronze(self) -> None:
        kafka = self.lake.settings.kafka
        options = {"kafka.bootstrap.servers": kafka.bootstrap, "subscribe": kafka.topic, "startingOffsets": "earliest"}
        reader = self.lake.spark.readStream.format("kafka").options(**options)
        messages = reader.option("maxOffsetsPerTrigger", kafka.max_offsets_per_trigger).load()
        self._run(messages.drop("timestampType").writeStream, "bronze")

    def silver(self) -> None:
        size = self.lake.settings.streaming.max_bytes_per_trigger
        messages = self.lake.spark.readStream.format("delta").option("maxBytesPerTrigger", size)
        event = F.from_json(F.col("value").cast("string"), schema()).alias("event")
        rows = messages.load(f"{self.folder}/bronze").select("topic", "partition", "offset", "timestamp", event)
        self._run(rows.select("topic", "partition", "offset", "timestamp", "event.*").writeStream, "silver")

    def count(self) -> int:
        return self.lake.spark.read.format("delta").load(f"{self.folder}/silver").count()

    def _run(self, writer: DataStreamWriter, name: str) -> None:
        options = {"checkpointLocation": f"{self.folder}/checkpoint-{name}"}
        writer.format("delta").options(**options).trigger(availableNow=True).start(
            f"{self.folder}/{name}"
        ).awaitTermination()

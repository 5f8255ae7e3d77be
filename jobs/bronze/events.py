"""bronze.events: one row per message on the Kafka topic, made safe to keep, exactly once per offset.

Direct identifiers are replaced by tokens before the first byte is written; what cannot be read is encrypted. Nothing
is judged and nothing is dropped here: what the message is worth is silver.events' to say. Messages that Kafka removed
before they were landed are noted in ops.ledger, once a run was told to go on without them.
"""

from pyspark.sql import DataFrame

from jobs.job import Job, Options, submit
from jobs.lake import streams, tables
from jobs.lake.lake import Lake
from jobs.landing import kafka_stream, topic
from jobs.landing.reading import Reader, reader_of, received
from jobs.ledger.losses import record
from jobs.settings.loading import Settings

TABLE = "bronze.events"


def land(lake: Lake, messages: DataFrame, batch: int, reader: Reader) -> None:
    """One micro-batch of the topic into the table, once."""
    with received(messages, reader, reader.contract()) as rows:
        tables.append_once(lake.within(messages), TABLE, rows, streams.query_id(messages), batch)


def require(settings: Settings) -> None:
    """Raises OperatorError where a secret, a folder of the settings, the broker or the topic is missing."""
    reader_of(settings)
    topic.require(settings)


def main(lake: Lake, options: Options) -> int:
    tables.create(lake, TABLE)
    reader, every = reader_of(lake.settings), options.every(lake.settings.streaming.trigger_seconds)
    return kafka_stream.run(
        lake,
        TABLE,
        lambda rows, batch: land(lake, rows, batch, reader),
        every_seconds=every,
        accept_loss=options.accept_loss,
        table=TABLE,
        on_loss=record,
    )


def rebuild(lake: Lake) -> None:
    """Begins a checkpoint behind what the table has."""
    kafka_stream.restart(lake, TABLE, TABLE)


JOB = Job(
    TABLE, main, reads=("kafka",), also_writes=("ops.ledger",), stays=True, flags=("accept_loss",), before=require,
    rebuild=rebuild,
)  # fmt: skip

if __name__ == "__main__":
    submit(JOB)

"""live.consents: who may not be recommended to, kept in Redis some seconds behind Kafka and not by way of the lake.

A denial of personalisation puts every id that its event carries into the set of the suppressed, which whoever reads or
writes a person's list asks first, and deletes the person's lists of the current and the previous version. Statements
may come late, in any order and more than once. What breaks the contract is passed over: the lake quarantines it. Redis
emptied: `lakehouse streams rebuild live.consents`; until it is done what is published from the lake holds nobody who
refused.
"""

import logging

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.event_time import occurred_at
from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.lake.materialized import again_without_lost_blocks, materialized
from jobs.landing import kafka_stream, topic
from jobs.landing.reading import Reader, as_judged, reader_of, received
from jobs.people.consent import IDS
from jobs.people.statements import as_statements
from jobs.redis_store.client import connect, require_lasting
from jobs.redis_store.writing import KINDS, update_consents
from jobs.settings.loading import Settings
from jobs.settings.redis_settings import RedisSettings

NAME = "live.consents"
PURPOSE = "personalisation"

log = logging.getLogger(__name__)


def may_speak(value: Column) -> Column:
    """Whether a message can have a field named consent or purposes: in JSON that takes the letters or an escape; what
    a schema registry has framed is not looked into here."""
    text = value.cast("string")
    return text.contains("consent") | text.contains("\\u") | (F.substring(value, 1, 1) == F.lit(b"\x00"))


def as_words(judged: DataFrame) -> DataFrame:
    """Judged messages as one row per id and statement on personalisation: id, kind, at, arrived (microseconds)."""
    valid = judged.where("size(reasons) = 0").select("event.*", "received_at", occurred_at().alias("_at"))
    statements = as_statements(valid.withColumn("occurred_at", F.col("_at"))).where(f"purpose = '{PURPOSE}'")
    kinds = [
        f"WHEN said_by = '{said_by}' AND is_granted = {is_granted} THEN '{name}'"
        for (said_by, is_granted), name in KINDS.items()
    ]
    return statements.selectExpr(
        f"explode(array_distinct(array_compact(array({', '.join(IDS)})))) AS id",
        f"CASE {' '.join(kinds)} END AS kind",
        "unix_micros(valid_from) AS at",
        "unix_micros(recorded_at) AS arrived",
    )


def land(messages: DataFrame, batch: int, reader: Reader, redis: RedisSettings) -> None:
    """One micro-batch of messages, from the executors into Redis. Doing it again changes nothing.

    Raises RedisFault when Redis does not take what was said.
    """
    contract = reader.contract()
    spoken = messages.where(may_speak(F.col("value")))
    # Materialized in between: in one plan with what follows, 200 messages took ten seconds instead of one.
    with received(spoken, reader, contract) as safe, materialized(as_judged(safe, contract)) as judged:
        heard = update_consents(as_words(judged), redis)
    if heard:
        log.info("%s: batch %d, %s statements were heard", NAME, batch, f"{heard:,}")


def require(settings: Settings) -> None:
    """Raises OperatorError where a secret, the broker, the topic or a Redis that keeps its keys is missing."""
    reader_of(settings)
    topic.require(settings)
    require_lasting(connect(settings.redis), settings.redis)


def main(lake: Lake, options: Options) -> int:
    settings = lake.settings
    reader = reader_of(settings)
    return kafka_stream.run(
        lake,
        NAME,
        lambda messages, batch: again_without_lost_blocks(lambda _: land(messages, batch, reader, settings.redis)),
        every_seconds=options.every(settings.live.trigger_seconds),
        accept_loss=options.accept_loss,
    )


def rebuild(lake: Lake) -> None:
    """Begins at the topic's start: what was heard before is heard again, and changes nothing."""
    kafka_stream.restart(lake, NAME, None)


JOB = Job(
    NAME,
    main,
    reads=("kafka",),
    also_writes=("redis",),
    stays=True,
    flags=("accept_loss",),
    before=require,
    rebuild=rebuild,
)

if __name__ == "__main__":
    submit(JOB)

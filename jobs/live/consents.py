"""live.consents: who may not be recommended to, kept in Redis some seconds behind Kafka and not by way of the lake.

Keys, with the prefix of the settings (`rec`):
  rec:suppressed   a set of person ids: they denied personalisation. Whoever reads or writes a person's list asks first
  rec:said         a hash: person id -> `<own> <client>`, two decimal numbers: microseconds since 1970 times two, plus
                   one for a denial; of the person's own last word, of a client's last copy; 0 where there is none
A denial also deletes the person's lists of the current and the previous version. Statements may come late, in any
order and more than once. What breaks the contract is passed over: the lake quarantines it. Redis emptied: delete the
checkpoint `live.consents` and start again; until then what is published from the lake holds nobody who refused.
"""

import logging
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import contract
from expectations.rules import moment
from expectations.validation import with_validation
from jobs import job
from jobs.bronze.events import as_received, from_kafka
from jobs.lake import streams
from jobs.lake.session import spark_for
from jobs.people.consent import as_stamps
from jobs.privacy.columns import as_safe
from jobs.privacy.message import safe_way
from jobs.serve import page
from jobs.settings.loading import Settings
from jobs.settings.redis_settings import RedisSettings
from jobs.silver.consents import as_statements

NAME = "live.consents"
PURPOSE = "personalisation"

log = logging.getLogger(__name__)


def may_speak(value: Column) -> Column:
    """Whether a message can have a field named consent or purposes: in JSON that takes the letters or an escape."""
    text = value.cast("string")
    return text.contains("consent") | text.contains("\\u")


def as_said(received: DataFrame) -> DataFrame:
    """Messages as one row per person who says something of personalisation: the stamps of their last words."""
    judged = received.where(may_speak(F.col("value"))).transform(with_validation(contract()))
    valid = judged.where(F.size("reasons") == 0).select("event.*", "received_at")
    statements = as_statements(valid.withColumn("occurred_at", moment(F.col("occurred_at"))))
    return as_stamps(statements.where(F.col("purpose") == PURPOSE))


def take_up(redis: RedisSettings) -> Callable[[DataFrame, int], None]:
    """What is done with a micro-batch of messages: from the executors into Redis. Doing it again changes nothing."""
    script = (resources.files("jobs") / "live" / "consent.lua").read_text(encoding="utf-8")

    def put(frames: Iterator[Any]) -> Iterator[Any]:
        import pandas as pd

        client = page.connect(redis)
        for frame in frames:
            words = frame[["person_id", "person", "client"]].to_numpy().tolist()
            for start in range(0, len(words), redis.batch):
                some = [part for word in words[start : start + redis.batch] for part in word]
                client.eval(script, 0, redis.prefix, *some)
            yield pd.DataFrame({"people": [len(frame)]})

    def land(received: DataFrame, batch: int) -> None:
        said = as_said(received).fillna(0, ["person", "client"])
        heard = said.mapInPandas(put, "people long").agg(F.sum("people")).collect()[0][0]
        if heard:
            log.info("%s: batch %d, %s people were heard", NAME, batch, f"{heard:,}")

    return land


def main(settings: Settings, options: job.Options) -> None:
    how = safe_way(settings.privacy)
    streams.require_topic(settings)
    page.require(page.connect(settings.redis), settings.redis)
    spark = spark_for(NAME, settings)
    pace = settings.streaming.model_copy(update=settings.live.model_dump())
    safe = from_kafka(spark, settings).transform(as_safe(contract(), how))
    received = as_received(safe)
    writer = received.writeStream.foreachBatch(take_up(settings.redis))
    streams.run(writer, spark, NAME, settings.model_copy(update={"streaming": pace}), options.continuous)


if __name__ == "__main__":
    job.submit(main)

"""live_consents: messages that say something of consent, from Kafka into Redis, against reading them and no more."""

from pathlib import Path
from statistics import median, quantiles
from typing import Any

from pyspark.sql import DataFrame

from jobs.lake.lake import Lake
from jobs.landing import kafka_stream
from jobs.landing.reading import reader_of
from jobs.live import consents
from tests.bench.clock import result, seconds
from tests.events import event
from tests.other_lake import rooted
from tests.topics import send, with_topic

MESSAGES, WARM, COUNTED = 200, 40, 40


def case(lake: Lake) -> dict[str, Any]:
    """Each micro-batch is a quarter of statements. In turns it is landed and only read."""
    own = with_topic(rooted(lake, Path(lake.settings.home) / "lake_of_live"), 2)
    reader, landed, read = reader_of(own.settings), [], []

    def land(messages: DataFrame, batch: int) -> None:
        landed.append(seconds(lambda: consents.land(messages, batch, reader, own.settings.redis)))
        read.append(seconds(lambda: messages.select("value").collect()))

    consents.begin_anew(own)
    for round_ in range(WARM + COUNTED):
        send(own, *[_message(round_, number) for number in range(MESSAGES)])
        kafka_stream.run(own, "live.bench", land, every_seconds=None, accept_loss=False)
    return result(
        median(landed[-COUNTED:]),
        f"s for {MESSAGES} messages, from Kafka into Redis",
        "s to collect the same messages from Kafka",
        median(read[-COUNTED:]),
        COUNTED,
        p95=round(quantiles(landed[-COUNTED:], n=20)[-1], 2),
    )


def _message(round_: int, number: int) -> dict[str, Any]:
    of = {"event_id": f"{round_}-{number}", "user_id": str(number)}
    if number % 4:
        return event(**of)
    return event("consent", **of, payload={"purposes": {"personalisation": number % 8 == 0}})

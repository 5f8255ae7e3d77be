"""replay: messages of a version that was unknown, judged again once it is known, against their first landing."""

import json
from pathlib import Path
from typing import Any

from expectations.contract import contract
from jobs.bronze import events as bronze_events
from jobs.lake import job, tables
from jobs.lake.session import spark_for
from jobs.lake.settings import Settings
from jobs.local import services
from jobs.local.shop.message import Message
from jobs.local.shop.outbox import Outbox
from jobs.quarantine.replay import replay
from jobs.quarantine.review import Choice
from jobs.silver import events as silver_events
from tests.bench.clock import result, seconds

WARM, EVENTS = 20_000, 100_000
VERSION = 3


def case(settings: Settings) -> dict[str, Any]:
    folder = Path(settings.home) / "contracts"
    folder.mkdir()
    own = settings.contracts.model_copy(update={"folder": str(folder)})
    topic = settings.kafka.model_copy(update={"topic": "unknown"})
    root = settings.lake.model_copy(update={"root": f"{settings.home}/lake_of_unknown"})
    chosen = settings.model_copy(update={"contracts": own, "kafka": topic, "lake": root})
    services.ensure_topic(chosen)
    spark = spark_for("bench", settings)
    before = str(spark.conf.get(tables.ROOT))
    spark.conf.set(tables.ROOT, root.root)
    options = job.Options(job.moment("2018-01-01"))

    def land() -> None:
        bronze_events.main(chosen, options)
        silver_events.main(chosen, options)

    try:
        _send(chosen, 0, WARM)
        land()
        replay(spark, chosen, Choice())
        _send(chosen, WARM, EVENTS)
        first = seconds(land)
        (folder / f"search.v{VERSION}.json").write_text(json.dumps(_schema()), encoding="utf-8")
        replayed = []
        again = seconds(lambda: replayed.append(replay(spark, chosen, Choice())))
    finally:
        spark.conf.set(tables.ROOT, before)
    if replayed[0].kept != WARM + EVENTS:
        raise RuntimeError(f"{replayed[0]} of {WARM + EVENTS:,} messages")
    return result(
        (WARM + EVENTS) / again,
        "messages replayed/s",
        "the same messages landed the first time, from Kafka",
        EVENTS / first,
        WARM + EVENTS,
    )


def _schema() -> dict[str, Any]:
    """The newest version of search with one more field."""
    newest = contract().payloads["search"][VERSION - 1]
    return {**newest, "properties": {**newest["properties"], "suggested": {"type": "boolean"}}}


def _send(settings: Settings, first: int, many: int) -> None:
    outbox = Outbox(settings.kafka.bootstrap, settings.kafka.topic, settings.kafka.partitions, linger_ms=50)
    for number in range(first, first + many):
        event = {
            "event_id": f"search-{number}",
            "event_type": "search",
            "schema_version": VERSION,
            "occurred_at": "2017-12-01T11:53:26Z",
            "user_id": str(number % 50_000),
            "session_id": f"s-{number}",
            "payload": {"text": "milk", "suggested": True},
        }
        outbox.put(Message(str(number).encode(), json.dumps(event).encode(), 0, "search"))
    outbox.close()

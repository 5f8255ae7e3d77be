"""replay: messages of a version that was unknown, judged again once it is known, against their first landing."""

import json
from pathlib import Path
from typing import Any

from expectations.contract import contract
from jobs import job
from jobs.bronze import events as bronze_events
from jobs.lake.session import spark_for
from jobs.local import services
from jobs.quarantine.replay import replay
from jobs.quarantine.review import Choice
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from tests.bench.clock import result, seconds
from tests.bench.messages import searches, send
from tests.elsewhere import looking_at

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
    options = job.Options(job.moment("2018-01-01"))

    def land() -> None:
        bronze_events.main(chosen, options)
        silver_events.main(chosen, options)

    with looking_at(spark, root.root):
        send(chosen, searches(0, WARM, VERSION))
        land()
        replay(spark, chosen, Choice())
        send(chosen, searches(WARM, EVENTS, VERSION))
        first = seconds(land)
        (folder / f"search.v{VERSION}.json").write_text(json.dumps(_schema()), encoding="utf-8")
        replayed = []
        again = seconds(lambda: replayed.append(replay(spark, chosen, Choice())))
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

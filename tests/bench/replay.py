"""replay: messages of a version that was unknown, judged again once it is known, against their first landing."""

import importlib.resources
import json
from pathlib import Path
from typing import Any

from jobs import job
from jobs.bronze import events as bronze_events
from jobs.lake.lake import Lake
from jobs.local import services
from jobs.quarantine.replay import replay
from jobs.quarantine.review import Choice
from jobs.silver import events as silver_events
from tests.bench.clock import result, seconds
from tests.bench.messages import searches, send
from tests.other_lake import changed, rooted

WARM, EVENTS = 20_000, 100_000
VERSION = 3


def case(lake: Lake) -> dict[str, Any]:
    home = Path(lake.settings.home)
    folder = home / "contracts"
    folder.mkdir()
    apart = rooted(lake, home / "lake_of_unknown")
    own = changed(apart, contracts={"folder": str(folder)}, kafka={"topic": "unknown"})
    services.ensure_topic(own.settings)
    options = job.Options(job.moment("2018-01-01"))

    def land() -> None:
        bronze_events.main(own, options)
        silver_events.main(own, options)

    send(own.settings, searches(0, WARM, VERSION))
    land()
    replay(own, Choice())
    send(own.settings, searches(WARM, EVENTS, VERSION))
    first = seconds(land)
    (folder / f"search.v{VERSION}.json").write_text(json.dumps(_schema()), encoding="utf-8")
    replayed = []
    again = seconds(lambda: replayed.append(replay(own, Choice())))
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
    file = importlib.resources.files("expectations") / "contracts" / f"search.v{VERSION - 1}.json"
    newest = json.loads(file.read_text(encoding="utf-8"))
    return {**newest, "properties": {**newest["properties"], "suggested": {"type": "boolean"}}}

"""`python -m tests.bench [case,case]`: each case beside its yardstick in the same run, into build/bench.json."""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from jobs.lake.lake import Lake
from jobs.lake.session import open_lake
from jobs.local import services
from jobs.settings.loading import Settings, load
from tests.bench import (
    continuous,
    export,
    gold_growth,
    growth,
    ingest,
    learning,
    linkage,
    live,
    live_segments,
    people,
    profiles,
    replay,
    segments,
    upkeep,
)
from tests.conftest import free_port

CASES: dict[str, Callable[[Lake], dict[str, Any]]] = {
    "ingest": ingest.case,
    "ingest_growth": growth.case,
    "ratings_growth": gold_growth.of_ratings,
    "publish_growth": gold_growth.of_publish,
    "ingest_continuous": continuous.case,
    "live_consents": live.case,
    "identity": people.case,
    "segments_batch": segments.case,
    "segments_live": live_segments.case,
    "profiles_incremental": profiles.case,
    "linkage": linkage.case,
    "replay": replay.case,
    "als_fit": learning.als_fit,
    "topn": learning.topn,
    "export": export.case,
    "maintain_files": upkeep.case,
}


def main(words: list[str]) -> None:
    cases = words[0].split(",") if words and words[0] else list(CASES)
    unknown = [name for name in cases if name not in CASES]
    if unknown:
        sys.exit(f"error: no case {', '.join(unknown)}; the cases are: {', '.join(CASES)}")
    if "export" in cases:
        export.require_yardstick(load("local").project)
    machine = {
        "cores": os.cpu_count(),
        "memory_gib": psutil.virtual_memory().total >> 30,
        "system": platform.platform(),
    }
    with tempfile.TemporaryDirectory(prefix="lakehouse-bench-") as folder:
        settings = _apart(Path(folder))
        try:
            services.up(settings)
            lake = open_lake("bench", settings)
            for name in cases:
                print(f"{name} ...", flush=True)
                result = {"name": name, **CASES[name](lake), "machine": machine}
                _keep(settings.project / "build" / "bench.json", result)
                print(
                    f"{name}: {result['value']:,} {result['unit']}; {result['yardstick']}:"
                    f" {result['yardstick_value']:,}; ratio {result['ratio']}",
                    flush=True,
                )
        finally:
            services.down(settings)
    print("wrote build/bench.json")


def _keep(target: Path, result: dict[str, Any]) -> None:
    """In place of the former result of that case; those of other cases stay."""
    target.parent.mkdir(exist_ok=True)
    former = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else []
    kept = [old for old in former if old["name"] != result["name"]]
    target.write_text(json.dumps([*kept, result], indent=2) + "\n", encoding="utf-8")


def _apart(folder: Path) -> Settings:
    """An installation of its own, so that nobody's lake, topic or Redis is touched."""
    broker, controller, redis = free_port(), free_port(), free_port()
    os.environ |= {
        "LAKEHOUSE_HOME": str(folder),
        "LAKEHOUSE_SPARK__DRIVER_MEMORY": "4g",  # ten times the demo
        "LAKEHOUSE_LOCAL__BROKER_PORT": str(broker),
        "LAKEHOUSE_LOCAL__CONTROLLER_PORT": str(controller),
        "LAKEHOUSE_LOCAL__REDIS_PORT": str(redis),
    }
    return load("local")


if __name__ == "__main__":
    main(sys.argv[1:])

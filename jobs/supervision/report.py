"""What is said of supervised streams: a line for each now and then, and what the health answers at any time."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from jobs.settings.loading import Settings
from jobs.supervision import lag
from jobs.supervision.supervisor import Stream

EVERY_SECONDS = 10.0

log = logging.getLogger(__name__)


class Report:
    """The streams, with the lag that was measured last: whoever asks for their health waits for no broker."""

    def __init__(self, settings: Settings, streams: Sequence[Stream]) -> None:
        self._settings, self._streams = settings, streams
        self._measured_at, self._behind = 0.0, dict[str, dict[str, Any]]()

    def state(self) -> dict[str, Any]:
        """`healthy`: all run. `streams`: what each is doing, and how far it was behind when that was last measured."""
        listed = [
            {
                "stream": one.job.name,
                "state": one.state,
                "restarts": one.restarts,
                "error": one.error,
                **self._behind.get(one.job.name, {}),
            }
            for one in self._streams
        ]
        return {"healthy": all(one["state"] == "running" for one in listed), "streams": listed}

    def said(self) -> None:
        """Measures the lag, and logs a line for each stream, where that is EVERY_SECONDS ago."""
        if self._measured_at and time.monotonic() - self._measured_at < EVERY_SECONDS:
            return
        measured = lag.statuses(self._settings, [one.job for one in self._streams])
        self._behind = {
            one.stream: {name: value for name, value in asdict(one).items() if name not in ("stream", "runs")}
            for one in measured
        }
        self._measured_at = time.monotonic()
        for one in self.state()["streams"]:
            log.info("%s", _line(one))


def _line(one: dict[str, Any]) -> str:
    """`silver.events: running, batch 7, 120 messages (3 s) behind`."""
    parts = [one["state"]]
    if one.get("batch") is not None:
        parts.append(f"batch {one['batch']}")
    if one.get("messages") is not None:
        parts.append(f"{one['messages']:,} messages ({one['seconds']:.0f} s) behind")
    if one["restarts"]:
        parts.append(f"started again {one['restarts']} times, last because: {one['error']}")
    return f"{one['stream']}: {', '.join(parts)}"

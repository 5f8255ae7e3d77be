"""ops.alerts: one row per finding in ops.daily_quality; each is told to the webhook once.

A finding has the same alert_id in every run, so a day judged again raises nothing twice. An alert that the webhook did
not take stays `unsent` and goes with the next run's. Without a webhook it is `recorded` only.
"""

import hashlib
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import Column, Row
from pyspark.sql import functions as F

from jobs.errors import OperatorError
from jobs.hooks import webhook
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.settings.loading import Settings
from jobs.watch.judgement import KEY, as_findings

TABLE = "ops.alerts"
AT_A_TIME = 200
log = logging.getLogger(__name__)


def raise_alerts(lake: Lake, as_of: datetime) -> int:
    """Judges the days measured in the last `watch.catch_up_days` before `as_of`; returns how many alerts are new."""
    settings = lake.settings
    last = as_of.astimezone(UTC).date()
    first = last - timedelta(days=settings.watch.catch_up_days)
    findings = as_findings(tables.read(lake, "ops.daily_quality"), first, last, settings.watch)
    tables.create(lake, TABLE)
    new = findings.join(tables.read(lake, TABLE).select("alert_id"), on="alert_id", how="left_anti")
    state = "unsent" if settings.alerts.webhook.get_secret_value() else "recorded"
    stamps = {"state": F.lit(state), "raised_at": F.lit(datetime.now(UTC)), "sent_at": F.lit(None)}
    before = tables.read(lake, TABLE).count()
    tables.append(lake, TABLE, new.withColumns(stamps))
    return tables.read(lake, TABLE).count() - before


def send(lake: Lake) -> int:
    """Tells the webhook of every unsent alert, the oldest day first, and marks them; returns how many.

    Killed between the two, it tells them again, under the same idempotency key. Raises OperatorError when the webhook
    does not take them.
    """
    count = 0
    while unsent := _unsent(lake):
        ids = [row["alert_id"] for row in unsent]
        key = hashlib.sha256("".join(sorted(ids)).encode()).hexdigest()
        url, to = lake.settings.alerts.webhook.get_secret_value(), lake.settings.alerts
        try:
            webhook.post(url, message(unsent), key, to.timeout_seconds, to.tries)
        except OperatorError as error:
            raise OperatorError(f"{error}; alerts stay unsent, the next run of {TABLE} sends them") from None
        values: dict[str, str | Column] = {"state": F.lit("sent"), "sent_at": F.lit(datetime.now(UTC))}
        count += tables.update(lake, TABLE, F.col("alert_id").isin(*ids), values)
    return count


def message(alerts: list[Row]) -> dict[str, Any]:
    """What the webhook is told: `text` for people, `alerts` for programs. Types, columns and numbers; no event."""
    fields = [{name: row[name] for name in ("alert_id", *KEY, "rule", "value", "expected", "score")} for row in alerts]
    listed = [{"day": row["day"].isoformat(), **one} for row, one in zip(alerts, fields, strict=True)]
    lines = [
        f"{one['day']} {one['event_type']}: {one['measure']} {one['column_name']} {one['rule']},"
        f" {one['value']:.4g} against {one['expected']:.4g}"
        for one in listed
    ]
    return {"text": "\n".join([f"{len(lines)} quality alerts", *lines]), "alerts": listed}


def require(settings: Settings) -> None:
    """Raises OperatorError where the webhook's address is none."""
    if url := settings.alerts.webhook.get_secret_value():
        webhook.require(url)


def main(lake: Lake, options: Options) -> None:
    log.info("%s: %d new", TABLE, raise_alerts(lake, options.as_of))
    if lake.settings.alerts.webhook.get_secret_value():
        log.info("%s: %d sent", TABLE, send(lake))


def _unsent(lake: Lake) -> list[Row]:
    waiting = tables.read(lake, TABLE).where("state = 'unsent'")
    return waiting.orderBy("day", "alert_id").limit(AT_A_TIME).collect()


JOB = Job(TABLE, main, reads=("ops.daily_quality",), also_writes=("webhook",), before=require)

if __name__ == "__main__":
    submit(JOB)

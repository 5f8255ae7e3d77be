"""ops.daily_quality: one row per day, event type, measure and column: jobs/watch/measures.py and drift.py say which.

A day is measured once it is over, and days that were missed are made up for. Measuring a day again replaces it, as
when silver was behind: a message that is cleaned late still counts on the day it was received.
"""

import logging
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import functions as F

from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.watch.drift import as_psi
from jobs.watch.measures import as_measures

TABLE = "ops.daily_quality"
log = logging.getLogger(__name__)


def measure(lake: Lake, day: date) -> None:
    """Measures that day, in place of what was measured of it before. Raises OperatorError when silver is not built."""
    watch = lake.settings.watch
    events, rejected = tables.read(lake, "silver.events"), tables.read(lake, "quarantine.events")
    measured = as_measures(events, rejected, day).unionByName(as_psi(events, day, watch.reference_days, watch.min_rows))
    stamped = measured.withColumns({"day": F.lit(day), "measured_at": F.lit(datetime.now(UTC))})
    tables.overwrite(lake, TABLE, stamped, where=f"day = '{day}'")
    log.info("%s: %s measured", TABLE, day)


def due(lake: Lake, as_of: datetime) -> list[date]:
    """The day before `as_of`, after those since the last measured one, at most `watch.catch_up_days` in all."""
    watch = lake.settings.watch
    yesterday = as_of.astimezone(UTC).date() - timedelta(days=1)
    first = yesterday
    if tables.exists(lake, TABLE):
        last = tables.read(lake, TABLE).where(F.col("day") < yesterday).agg(F.max("day")).collect()[0][0]
        if last is not None:
            first = max(last + timedelta(days=1), yesterday - timedelta(days=watch.catch_up_days - 1))
    return [first + timedelta(days=n) for n in range((yesterday - first).days + 1)]


def main(lake: Lake, options: Options) -> None:
    for day in due(lake, options.as_of):
        measure(lake, day)


JOB = Job(TABLE, main, reads=("silver.events", "quarantine.events"))

if __name__ == "__main__":
    submit(JOB)

"""ops.maintain: joins small files, removes files and log entries past their time, for every table that is built.

It may run beside the streams, twice, and be killed at any instant: jobs/maintenance/upkeep.py says why.
"""

from jobs import job
from jobs.lake.session import spark_for
from jobs.maintenance import upkeep
from jobs.settings.loading import Settings


def main(settings: Settings, options: job.Options) -> None:
    upkeep.require_safe(settings.maintenance)
    spark = spark_for("ops.maintain", settings)
    for name in upkeep.chosen(spark, settings.maintenance, options.tables):
        upkeep.keep(spark, name, upkeep.plan(settings.maintenance, name))


if __name__ == "__main__":
    job.submit(main)

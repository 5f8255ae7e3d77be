"""bronze.catalog: one row per product of the catalogue and landing, as the source has it.

Rejected rows go to quarantine.sources.
"""

from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.sources import landing

TABLE = "bronze.catalog"


def main(lake: Lake, options: Options) -> None:
    landing.land(lake, "catalog", options.as_of)


JOB = Job(TABLE, main, reads=("sources.catalog",), before=landing.require_secrets)

if __name__ == "__main__":
    submit(JOB)

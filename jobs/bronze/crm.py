"""bronze.crm: one row per customer of the CRM and landing, as the source has it.

Rejected rows go to quarantine.sources.
"""

from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.sources import landing

TABLE = "bronze.crm"


def main(lake: Lake, options: Options) -> None:
    landing.land(lake, "crm", options.as_of)


JOB = Job(
    TABLE,
    main,
    reads=("sources.crm",),
    also_writes=("quarantine.sources", "ops.landings"),
    before=landing.require_secrets,
)

if __name__ == "__main__":
    submit(JOB)

"""silver.crm: one row per customer of the CRM and time in which the source said so.

What it says now has no valid_to.
"""

from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.sources import history

TABLE = "silver.crm"


def main(lake: Lake, _: Options) -> None:
    history.keep(lake, "crm")


JOB = Job(TABLE, main, reads=("bronze.crm", "quarantine.sources", "ops.landings"))

if __name__ == "__main__":
    submit(JOB)

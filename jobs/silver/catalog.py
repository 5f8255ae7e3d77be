"""silver.catalog: one row per product of the catalogue and time in which the source said so.

What it says now has no valid_to.
"""

from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.sources import history

TABLE = "silver.catalog"


def main(lake: Lake, _: Options) -> None:
    history.keep(lake, "catalog")


JOB = Job(TABLE, main, reads=("bronze.catalog", "quarantine.sources", "ops.landings"))

if __name__ == "__main__":
    submit(JOB)

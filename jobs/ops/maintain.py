"""ops.maintain: joins small files, removes files and log entries past their time, for every table that is built.

It may run beside the streams, twice, and be killed at any instant: jobs/maintenance/upkeep.py says why.
"""

from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.maintenance import upkeep


def main(lake: Lake, options: Options) -> None:
    for name in upkeep.tables_to_maintain(lake, options.tables):
        upkeep.keep(lake, name, upkeep.plan(lake.settings.maintenance, name))


JOB = Job("ops.maintain", main, flags=("tables",), before=upkeep.require_safe)

if __name__ == "__main__":
    submit(JOB)

"""silver.crm: one row per customer of the CRM and time in which the source said so.

What it says now has no valid_to.
"""

from jobs import job
from jobs.settings.loading import Settings
from jobs.sources import history

TABLE = "silver.crm"


def main(settings: Settings, _: job.Options) -> None:
    history.keep("crm", settings)


if __name__ == "__main__":
    job.submit(main)

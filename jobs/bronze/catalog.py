"""bronze.catalog: one row per product of the catalogue and landing, as the source has it.

Rejected rows go to quarantine.sources.
"""

from jobs import job
from jobs.settings.loading import Settings
from jobs.sources import landing

TABLE = "bronze.catalog"


def main(settings: Settings, options: job.Options) -> None:
    landing.land("catalog", settings, options.as_of)


if __name__ == "__main__":
    job.submit(main)

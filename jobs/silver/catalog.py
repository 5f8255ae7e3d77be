"""silver.catalog: one row per product of the catalogue and time in which the source said so.

What it says now has no valid_to.
"""

from jobs import job
from jobs.settings.loading import Settings
from jobs.sources import history

TABLE = "silver.catalog"


def main(settings: Settings, _: job.Options) -> None:
    history.keep("catalog", settings)


if __name__ == "__main__":
    job.submit(main)

"""bronze.crm: one row per customer of the CRM file, as it stands there. Each run replaces the last."""

from jobs.lake import job, source_files
from jobs.lake.settings import Settings

TABLE = "bronze.crm"


def main(settings: Settings, _: job.Options) -> None:
    source_files.land(TABLE, settings.sources.crm, "sources.crm", settings)


if __name__ == "__main__":
    job.submit(main)

"""bronze.catalog: one row per product of the catalogue file, as it stands there. Each run replaces the last."""

from jobs.lake import job, source_files
from jobs.lake.settings import Settings

TABLE = "bronze.catalog"


def main(settings: Settings, _: job.Options) -> None:
    source_files.land(TABLE, settings.sources.catalog, "sources.catalog", settings)


if __name__ == "__main__":
    job.submit(main)

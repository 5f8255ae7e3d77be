"""watch_quality: every day, what came in the day before is measured and judged, and all messages are accounted for."""

from airflow.sdk import DAG
from lakehouse_job import DAG_ARGUMENTS, daily, submit

ARRIVED = (
    "bronze.events",
    "bronze.catalog",
    "bronze.crm",
    "quarantine.events",
    "quarantine.sources",
    "ops.ledger",
    "ops.landings",
)

with DAG("watch_quality", schedule=daily(4), description=__doc__, **DAG_ARGUMENTS):
    measured = submit("ops.daily_quality")
    submit("ops.alerts", measured)
    submit("ledger.reconcile")
    submit("quality.gate", tables=ARRIVED)

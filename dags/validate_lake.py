"""validate_lake: every day, is what the streams left in silver fit to learn from?"""

from airflow.sdk import DAG
from lakehouse_job import DAG_ARGUMENTS, SILVER_VALIDATED, daily, submit

SILVER = (
    "silver.events",
    "silver.interactions",
    "silver.consents",
    "silver.catalog",
    "silver.crm",
    "silver.items",
    "silver.people",
)

with DAG("validate_lake", schedule=daily(3), description=__doc__, **DAG_ARGUMENTS):
    submit("quality.gate", tables=SILVER, outlets=[SILVER_VALIDATED])

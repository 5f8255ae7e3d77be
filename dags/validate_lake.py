"""validate_lake: every day, who is who by now, and is what the streams left in silver fit to learn from?"""

from airflow.sdk import DAG
from lakehouse_job import DAG_ARGUMENTS, SILVER_VALIDATED, daily, submit

SILVER = (
    "silver.events",
    "silver.interactions",
    "silver.consents",
    "silver.identities",
    "silver.identity_links",
    "silver.identity_changes",
    "ops.identity_review",
    "silver.catalog",
    "silver.crm",
    "silver.items",
    "silver.people",
)

with DAG("validate_lake", schedule=daily(3), description=__doc__, **DAG_ARGUMENTS):
    submit("quality.gate", submit("silver.identities"), tables=SILVER, outlets=[SILVER_VALIDATED])

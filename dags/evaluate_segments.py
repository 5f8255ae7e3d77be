"""evaluate_segments: every quarter of an hour, who is in which segment by now; of those alone of whom there is news."""

from airflow.sdk import DAG
from lakehouse_job import DAG_ARGUMENTS, every_minutes, submit

with DAG("evaluate_segments", schedule=every_minutes(15), description=__doc__, **DAG_ARGUMENTS):
    identities = submit("silver.identities")
    submit("publish.identities", identities, pool="redis_export")
    submit("gold.segments", identities)

"""maintain_lake: every day, small files joined, old files and old log entries removed, beside the streams."""

from airflow.sdk import DAG
from lakehouse_job import DAG_ARGUMENTS, daily, submit

with DAG("maintain_lake", schedule=daily(2), description=__doc__, **DAG_ARGUMENTS):
    submit("ops.maintain")

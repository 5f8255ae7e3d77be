"""load_sources: every day, the catalogue and the customers as the shop has them now, with their history, in silver."""

from airflow.sdk import DAG
from lakehouse_job import DAG_ARGUMENTS, daily, submit

with DAG("load_sources", schedule=daily(1), description=__doc__, **DAG_ARGUMENTS):
    catalog = submit("silver.catalog", submit("bronze.catalog"))
    submit("silver.items", catalog)
    crm = submit("silver.crm", submit("bronze.crm"))
    submit("silver.people", crm)

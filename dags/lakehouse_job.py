"""What the DAGs share: a step, which is one job file run by spark-submit, and the assets between DAGs.

Airflow has an environment of its own, so nothing of the project is imported here, only named by its path.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Asset, CronTriggerTimetable, Param
from failure_webhook import tell_of_failure

# Every silver table passed its suite.
SILVER_VALIDATED = Asset("silver_validated", uri="lakehouse://silver/validated")
# The models learned from it, and segments and profiles follow them.
CHAMPIONS = Asset("champions", uri="lakehouse://models/champions")

# Airflow's Variables, not LAKEHOUSE_ ones: those are settings, and a job refuses one it does not know.
PROJECT = f"{{{{ var.value.get('lakehouse_project', {str(Path(__file__).resolve().parents[1])!r}) }}}}"
ENVIRONMENT = "{{ params.env or var.value.get('lakehouse_env', 'local') }}"
# A run that an asset started has no logical date; it was due when the asset was ready.
DUE = "(dag_run.logical_date or dag_run.run_after) | ts"
AS_OF = f"{{{{ params.as_of or var.value.get('lakehouse_as_of', none) or {DUE} }}}}"

SPARK_PROPERTIES = {
    # What conf/base.toml gives a driver, which spark-submit does not read. Its own default is 1g, and on a
    # laptop (local[2]) the driver does all the work.
    "spark.driver.memory": "3g",
    # A fit of ALS is one lineage as deep as its iterations: in ten of them Java's own stack (1 MiB) overflowed. Beside
    # extraJavaOptions, not in their place: those are the cluster's.
    "spark.driver.defaultJavaOptions": "-Xss4m",
}
# ALS solves many small systems: with more than one BLAS thread a fit took 48.6 s instead of 12.8 s. The JVM
# reads these when spark-submit starts it, before the job's first line.
ONE_BLAS_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

DAG_ARGUMENTS: dict[str, Any] = {
    # And no start_date: with one in the past, Airflow's first start would make up for last night at once.
    "catchup": False,
    # One writer per table.
    "max_active_runs": 1,
    "tags": ["lakehouse"],
    "params": {
        "as_of": Param(None, type=["null", "string"], description="the moment to look from, ISO 8601"),
        "env": Param(None, type=["null", "string"], description="the overlay in conf/: local, cluster, ..."),
    },
    "default_args": {
        # Whom to ask, as Airflow's pages show it.
        "owner": "data-engineering",
        "on_failure_callback": tell_of_failure,
        "pool": "spark",
        # A job may be killed at any instant and started again, so a retry is a plain second start.
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=15),
        # A hung job would keep its slot of the pool for ever.
        "execution_timeout": timedelta(hours=2),
    },
}


def daily(hour: int) -> CronTriggerTimetable:
    """Every day at that hour, UTC; the first time when it is that late next, however shortly ago it was."""
    # Without it, and with False all the same, Airflow 3.3 makes up for a run of the last tenth of a day.
    return CronTriggerTimetable(f"0 {hour} * * *", timezone="UTC", run_immediately=timedelta())


def every_minutes(minutes: int) -> CronTriggerTimetable:
    """So often an hour, for the first time when it is due next."""
    return CronTriggerTimetable(f"*/{minutes} * * * *", timezone="UTC", run_immediately=timedelta())


def submit(job: str, *after: SparkSubmitOperator, tables: tuple[str, ...] = (), **options: Any) -> SparkSubmitOperator:
    """The step that runs `layer.table` once the steps `after` succeeded; `tables` are what a gate checks."""
    checked = ["--tables", ",".join(tables)] if tables else []
    step = SparkSubmitOperator(
        task_id=job,
        name=job,
        application=f"{PROJECT}/jobs/{job.replace('.', '/')}.py",
        py_files=f"{PROJECT}/dist/app.zip",
        application_args=["--env", ENVIRONMENT, "--as-of", AS_OF, *checked],
        conf=dict(SPARK_PROPERTIES),
        env_vars=dict(ONE_BLAS_THREAD),
        **options,
    )
    step.set_upstream(list(after))
    return step

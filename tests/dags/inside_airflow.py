"""Runs in .venv-airflow, whose Python has Airflow and none of the project; writes one JSON object to a file.

`read REPORT`: every DAG as Airflow parsed it, and every step's spark-submit command.
`fail REPORT WEBHOOK ...`: the callback of a step that failed, as Airflow calls it, once with each webhook in force.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from airflow.configuration import conf
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk import CronTriggerTimetable
from airflow.sdk.execution_time.context import VariableAccessor
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction

WEBHOOK = "AIRFLOW_VAR_LAKEHOUSE_FAILURE_WEBHOOK"
DUE = datetime(2026, 1, 2, 3, tzinfo=UTC)
NOWS = [DUE.replace(hour=hour, minute=37) for hour in range(24)]


def bag() -> BundleDagBag:
    folder = conf.get("core", "dags_folder")
    return BundleDagBag(dag_folder=folder, bundle_path=Path(folder), bundle_name="dags-folder")


def read() -> dict[str, Any]:
    read_bag = bag()
    dags = {dag_id: as_read(dag) for dag_id, dag in read_bag.dags.items()}
    return {"import_errors": read_bag.import_errors, "dags": dags}


def fail(*webhooks: str) -> dict[str, Any]:
    read_bag = bag()
    step = read_bag.dags["retrain_models"].get_task("train.als")
    instance = SimpleNamespace(dag_id="retrain_models", task_id="train.als", try_number=3, log_url="http://airflow/log")
    for webhook in webhooks:
        os.environ[WEBHOOK] = webhook
        step.on_failure_callback[0]({"ti": instance, "run_id": "run-1"})
    return {"owners": sorted({task.owner for dag in read_bag.dags.values() for task in dag.tasks})}


def as_read(dag: Any) -> dict[str, Any]:
    due_by_date = {"logical_date": DUE, "run_after": DUE}
    started_by_asset = {"logical_date": None, "run_after": DUE}
    is_timed = isinstance(dag.schedule, CronTriggerTimetable)
    dates = due_by_date if is_timed else started_by_asset
    return {
        "schedule": dag.schedule.expression if is_timed else [asset.name for asset in dag.schedule],
        "first_waits_hours": [hours_to_first_run(dag, now) for now in NOWS] if is_timed else [],
        "start_date": dag.start_date and str(dag.start_date),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "steps": {step.task_id: as_step(step) for step in dag.tasks},
        "commands": {step.task_id: command(step, dates) for step in dag.tasks},
    }


def hours_to_first_run(dag: Any, now: datetime) -> float:
    """How long a scheduler that is started at `now` for the first time waits; it reads the DAG as it was stored."""
    stored = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    with mock.patch("airflow.timetables.trigger.utcnow", lambda: now):
        restriction = TimeRestriction(earliest=None, latest=None, catchup=stored.catchup)
        first = stored.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    return (first.run_after - now).total_seconds() / 3600


def as_step(step: Any) -> dict[str, Any]:
    return {
        "operator": step.task_type,
        "after": sorted(step.upstream_task_ids),
        "pool": step.pool,
        "retries": step.retries,
        "backoff": step.retry_exponential_backoff,
        "outlets": [asset.name for asset in step.outlets],
    }


def command(step: Any, dates: dict[str, datetime | None]) -> list[str]:
    """What the step's own hook hands to the shell, with the values a run of that date has."""
    params = {name: None for name in step.dag.params}
    context = {"params": params, "dag_run": SimpleNamespace(**dates)}
    context["var"] = {"value": VariableAccessor(deserialize_json=False)}
    step.render_template_fields(context)
    hook = step._get_hook()
    words = hook._build_spark_submit_command(step.application)
    return [*[f"{name}={value}" for name, value in (hook._env or {}).items()], *words]


if __name__ == "__main__":
    verb, report, *words = sys.argv[1:]
    Path(report).write_text(json.dumps({"read": read, "fail": fail}[verb](*words)), encoding="utf-8")

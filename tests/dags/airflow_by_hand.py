"""`python -m tests.dags.airflow_by_hand PROJECT PORT REPORT STARTED EXPECTED`: Airflow as a user starts it, DAGs run.

Types `lakehouse airflow` in a project, with no variable of this project's or of Airflow's set; starts the DAGs by the
API, as a button of Airflow's page does; waits until every expected DAG has run to its end, also those that assets
start; and ends Airflow with Ctrl-C. DAGs are separated by commas. The report: by DAG its state and its steps', as JSON.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.dags.airflow_api import answer_of

ENDED = {"success", "failed"}


def main(project: Path, port: int, report: Path, started: list[str], expected: list[str]) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "AIRFLOW"))}
    command = [project / ".venv" / "bin" / "lakehouse", "airflow"]
    airflow = subprocess.Popen(
        command, cwd=project, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert airflow.stdout is not None
        for line in airflow.stdout:
            print(line, end="", flush=True)
            if "Ctrl-C stops it" in line:
                break
        threading.Thread(target=lambda: print(airflow.stdout.read()), daemon=True).start()
        wait_for_dags(airflow, port, len([*(project / "dags").glob("*.py")]) - 2)
        for name in started:
            answer_of(port, f"dags/{name}/dagRuns", {"logical_date": None})
        report.write_text(json.dumps({name: ended(airflow, port, name) for name in expected}), encoding="utf-8")
    finally:
        airflow.send_signal(signal.SIGINT)
        print("airflow ended with", airflow.wait(120), flush=True)


def wait_for_dags(airflow: subprocess.Popen[str], port: int, many: int) -> None:
    """Until Airflow has read so many."""
    while len(answer_of(port, "dags")["dags"]) < many:
        assert airflow.poll() is None, "Airflow ended by itself"
        time.sleep(1)


def ended(airflow: subprocess.Popen[str], port: int, name: str) -> dict[str, Any]:
    """The only run of a DAG, once there is one and it has ended."""
    while True:
        assert airflow.poll() is None, "Airflow ended by itself"
        runs = [run for run in answer_of(port, f"dags/{name}/dagRuns")["dag_runs"] if run["state"] in ENDED]
        if runs:
            steps = answer_of(port, f"dags/{name}/dagRuns/{runs[0]['dag_run_id']}/taskInstances")["task_instances"]
            return {"state": runs[0]["state"], "steps": {step["task_id"]: step["state"] for step in steps}}
        time.sleep(2)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), *[words.split(",") for words in sys.argv[4:]])

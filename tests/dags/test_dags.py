"""The DAGs as Airflow parses them: which there are, their steps in order, what starts and guards them."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jobs.job_list import all_jobs
from jobs.lake import java_options
from jobs.local import scheduler
from jobs.settings.loading import Settings, load
from tests.dags.conftest import Begun, command

pytestmark = pytest.mark.airflow

DAGS = Path(__file__).parents[2] / "dags"
SHARED = {"quarantine.sources", "ops.landings"}
"""Tables that the jobs of both sources write, each rows of its own."""
# What starts it; each step with those it waits for.
EXPECTED = {
    "maintain_lake": ("0 2 * * *", {"ops.maintain": []}),
    "load_sources": (
        "0 1 * * *",
        {
            "bronze.catalog": [],
            "silver.catalog": ["bronze.catalog"],
            "silver.items": ["silver.catalog"],
            "bronze.crm": [],
            "silver.crm": ["bronze.crm"],
            "silver.people": ["silver.crm"],
        },
    ),
    "watch_quality": (
        "0 4 * * *",
        {"ops.daily_quality": [], "ops.alerts": ["ops.daily_quality"], "ledger.reconcile": [], "quality.gate": []},
    ),
    "validate_lake": ("0 3 * * *", {"silver.identities": [], "quality.gate": ["silver.identities"]}),
    "evaluate_segments": (
        "*/15 * * * *",
        {
            "silver.identities": [],
            "publish.identities": ["silver.identities"],
            "gold.segments": ["silver.identities"],
        },
    ),
    "retrain_models": (
        ["silver_validated"],
        {
            "gold.ratings": [],
            "gold.features": [],
            "gold.sessions": [],
            "quality.gate": ["gold.features", "gold.ratings", "gold.sessions"],
            "train.als": ["quality.gate"],
            "train.personas": ["quality.gate"],
            "train.intent": ["quality.gate"],
            "gold.segments": ["train.als", "train.intent", "train.personas"],
            "gold.profiles": ["gold.segments"],
        },
    ),
    "publish_recommendations": (
        ["champions"],
        {
            "gold.recommendations": [],
            "gold.fallbacks": [],
            "quality.gate": ["gold.fallbacks", "gold.recommendations"],
            "publish.recommendations": ["quality.gate"],
        },
    ),
}


def steps(dags: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{dag_id}/{name}": step for dag_id, dag in dags.items() for name, step in dag["steps"].items()}


@pytest.mark.timeout(1800)  # builds the small lake
def test_they_start(begun: Begun) -> None:
    # Their runs take minutes and half a core: they begin here and test_runs.py asks, last of all, how they ended.
    assert begun.process.poll() is None


def test_these_dags_with_these_steps_in_this_order(dags: dict[str, Any]) -> None:
    calls = {
        dag_id: (dag["schedule"], {name: step["after"] for name, step in dag["steps"].items()})
        for dag_id, dag in dags.items()
    }
    assert calls == EXPECTED


def test_every_dag_is_its_own_file_and_every_file_a_dag(dags: dict[str, Any]) -> None:
    shared = (DAGS / ".airflowignore").read_text(encoding="utf-8").split()
    assert {file.stem for file in DAGS.glob("*.py") if file.name not in shared} == set(dags)


def test_the_dags_run_every_job_that_ends_and_no_other(dags: dict[str, Any]) -> None:
    """A stream stays: it runs beside them, for ever."""
    ending = {name for name, job in all_jobs().items() if not job.stays}
    assert {name for dag in dags.values() for name in dag["steps"]} == ending
    assert {step["operator"] for step in steps(dags).values()} == {"SparkSubmitOperator"}


def test_a_step_waits_for_those_of_its_dag_that_write_what_it_reads(dags: dict[str, Any]) -> None:
    jobs = all_jobs()
    for dag_id, dag in dags.items():
        after = {name: set(step["after"]) for name, step in dag["steps"].items()}
        for _ in after:  # whom those wait for, it waits for too
            after = {name: before.union(*(after[one] for one in before)) for name, before in after.items()}
        for name in after:
            reads = {*jobs[name].reads} - SHARED
            writers = {one for one in after if {*jobs[one].writes} & reads and one != name}
            assert writers <= after[name], f"{dag_id}: {name}"


def test_an_asset_comes_from_the_step_that_it_waits_for(dags: dict[str, Any]) -> None:
    outlets = {name: step["outlets"] for name, step in steps(dags).items() if step["outlets"]}
    assert outlets == {
        "validate_lake/quality.gate": ["silver_validated"],
        "retrain_models/gold.profiles": ["champions"],
    }


def test_every_step_waits_in_a_pool_that_there_is(dags: dict[str, Any]) -> None:
    pools = json.loads((DAGS / "pools.json").read_text(encoding="utf-8"))
    pool_of = {name: step["pool"] for name, step in steps(dags).items()}
    exports = ("publish_recommendations/publish.recommendations", "evaluate_segments/publish.identities")
    assert {pool_of.pop(name) for name in exports} == {"redis_export"}
    assert set(pool_of.values()) == {"spark"}
    assert {name: pool["slots"] for name, pool in pools.items()} == {"spark": 1, "redis_export": 1}


def test_one_run_at_a_time_none_made_up_for_and_failures_tried_again(dags: dict[str, Any]) -> None:
    assert {(dag["catchup"], dag["max_active_runs"]) for dag in dags.values()} == {(False, 1)}
    assert {(step["retries"], step["backoff"]) for step in steps(dags).values()} == {(2, 2)}
    # Without one, a first start waits for the night instead of making up for the last.
    assert {dag["start_date"] for dag in dags.values()} == {None}
    waits = [hours for dag in dags.values() for hours in dag["first_waits_hours"]]
    assert len(waits) == 5 * 24 and min(waits) > 0


def test_the_driver_has_the_memory_of_the_settings_and_a_deep_stack(dags: dict[str, Any]) -> None:
    memory, stack = load("local").spark.driver_memory, java_options.DEEP_STACK
    expected = {f"spark.driver.memory={memory}", f"spark.driver.defaultJavaOptions={stack}"}
    assert all(expected <= set(command) for dag in dags.values() for command in dag["commands"].values())


def test_a_step_that_failed_for_good_is_told_of(airflow_settings: Settings, tmp_path: Path) -> None:
    told: list[dict[str, str]] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Chat) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # A webhook that answers; then none, one that is away, and no URL, which do not hinder the task's own end.
        webhooks = (f"http://127.0.0.1:{server.server_port}/", "", "http://127.0.0.1:9/geheim", "geheim")
        assert failed(airflow_settings, tmp_path, *webhooks) == ["data-engineering"]
        server.shutdown()
    assert told == [
        {"text": "retrain_models: train.als failed in run run-1, after 3 tries", "log": "http://airflow/log"}
    ]


def failed(settings: Settings, folder: Path, *webhooks: str) -> list[str]:
    """Calls the callback in Airflow's own Python, once with each webhook; returns who owns the steps."""
    report = folder / "fail.json"
    run = subprocess.run(
        command(report, "fail", *webhooks),
        env=scheduler.environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, (run.stdout + run.stderr)[-2000:]
    assert "geheim" not in run.stdout + run.stderr
    owners: list[str] = json.loads(report.read_text(encoding="utf-8"))["owners"]
    return owners

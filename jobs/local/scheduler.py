"""`lakehouse airflow`: Airflow on a laptop with this project's DAGs, in the foreground.

Its page listens on the loopback address only, so it asks for no password. Its parts are started one by one:
`airflow standalone` would serve logs on every address and run a triggerer that no DAG here needs.
"""

import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psutil

from jobs.errors import OperatorError
from jobs.lake.java_options import submitted_driver
from jobs.local import app_zip
from jobs.settings.loading import Settings

HOST = "127.0.0.1"
PARTS = {
    "api-server": ["api-server"],
    "dag-processor": ["dag-processor"],
    # It runs the tasks too (LocalExecutor). Their logs are read from the disk, not served.
    "scheduler": ["scheduler", "--skip-serve-logs"],
}
START_SECONDS = 180.0
STOP_SECONDS = 10.0
ENDS = (signal.SIGTERM, signal.SIGHUP)


def start(settings: Settings, as_of: datetime | None = None) -> None:
    """Run Airflow until Ctrl-C, then stop everything it started, running jobs included.

    `as_of`: the moment runs look from, for a lake whose events are of another day; else when a run is due.
    Raises OperatorError when Airflow is not set up, its port is taken, or a part of it ends by itself.
    """
    airflow, home = _airflow(settings), _home(settings)
    _refuse_taken(settings)
    home.mkdir(parents=True, exist_ok=True)
    app_zip.build(settings.project, settings.project / "dist" / "app.zip")
    variables = environment(settings, as_of)
    # A closed terminal and a plain kill end it as Ctrl-C does.
    before = {each: signal.signal(each, signal.default_int_handler) for each in ENDS}
    parts: dict[str, subprocess.Popen[bytes]] = {}
    try:
        print(f"airflow: starting, logs in {home}", flush=True)
        _once([airflow, "db", "migrate"], home, variables)
        _once([airflow, "pools", "import", str(settings.project / "dags" / "pools.json")], home, variables)
        for name, command in PARTS.items():
            with _undisturbed():
                parts[name] = _launch([airflow, *command], home, variables, home / f"{name}.log")
        _wait(parts, settings)
        print(_where_to_look(settings, as_of), flush=True)
        while True:
            _refuse_ended(parts, settings)
            time.sleep(1)
    except KeyboardInterrupt:
        print("\nairflow: stopping", flush=True)
    finally:
        _stop(parts)
        for each, handler in before.items():
            signal.signal(each, handler)
    print("airflow: stopped", flush=True)


def environment(settings: Settings, as_of: datetime | None = None) -> dict[str, str]:
    """The variables under which this project's DAGs parse and run on a laptop, for every Airflow command."""
    # Another Airflow's variables, its database above all, must not reach this one.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    ours = Path(sys.executable).parent
    path = os.pathsep.join([str(ours), str(_airflow(settings).parent), inherited.get("PATH", os.defpath)])
    url = _url(settings)
    # The provider takes the name of a spark-submit only, no path: the first on the PATH is this project's.
    spark = {"conn_type": "spark", "host": settings.spark.master, "extra": {"spark-binary": "spark-submit"}}
    return {
        **inherited,
        "PATH": path,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": HOST,
        "SPARK_SUBMIT_OPTS": f"{submitted_driver(settings.project)} {inherited.get('SPARK_SUBMIT_OPTS', '')}".strip(),
        "AIRFLOW_HOME": str(_home(settings)),
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps(spark),
        "AIRFLOW_VAR_LAKEHOUSE_PROJECT": str(settings.project),
        # Jobs run in another folder than this one.
        "AIRFLOW_VAR_LAKEHOUSE_ENV": os.path.abspath(settings.env) if settings.env.endswith(".toml") else settings.env,
        "AIRFLOW_VAR_LAKEHOUSE_AS_OF": as_of.isoformat() if as_of else "",
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # A run of one DAG starts the next by an asset, which a paused DAG would not see.
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # One process waits for each task even where its pool has no slot; two tasks is what the pools allow.
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(settings.local.airflow_port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    }


def _airflow(settings: Settings) -> Path:
    command = settings.project / ".venv-airflow" / "bin" / "airflow"
    if not command.exists():
        raise OperatorError(f"no Airflow in {command.parents[1]}; run: make setup-airflow")
    return command


def _home(settings: Settings) -> Path:
    return settings.home / "airflow"


def _url(settings: Settings) -> str:
    return f"http://{HOST}:{settings.local.airflow_port}"


def _where_to_look(settings: Settings, as_of: datetime | None) -> str:
    moment = f"the moment {as_of.isoformat()}" if as_of else "the moment they are due"
    return (
        f"airflow: {_url(settings)} (this machine only, no password); runs look from {moment}\n"
        "airflow: trigger validate_lake; retrain_models and publish_recommendations follow by their assets\n"
        "airflow: Ctrl-C stops it"
    )


def _refuse_taken(settings: Settings) -> None:
    port = settings.local.airflow_port
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise OperatorError(
            f"port {port} for Airflow is taken; stop what uses it, or set local.airflow_port in"
            f" conf/{settings.env}.toml or LAKEHOUSE_LOCAL__AIRFLOW_PORT"
        ) from None


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Holds Ctrl-C back until the block is done: between a process's birth and its note it would leave it behind."""
    held: list[int] = []
    ends = (signal.SIGINT, *ENDS)
    before = {each: signal.signal(each, lambda number, _: held.append(number)) for each in ends}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    if held:
        raise KeyboardInterrupt


def _launch(command: list[Path | str], home: Path, variables: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A process in a session of its own, so that Ctrl-C reaches it by `_stop` alone, which finds its kin."""
    with log.open("wb") as out:
        return subprocess.Popen(
            command,
            cwd=home,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _once(command: list[Path | str], home: Path, variables: Mapping[str, str]) -> None:
    log = home / f"{command[1]}.log"
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        with _undisturbed():
            started["once"] = _launch(command, home, variables, log)
        code = started["once"].wait()
    finally:
        _stop(started)
    if code:
        raise OperatorError(f"airflow {command[1]} {command[2]} failed, {log} ends: {_last_words(log)}")


def _wait(parts: dict[str, subprocess.Popen[bytes]], settings: Settings) -> None:
    ends = time.monotonic() + START_SECONDS
    while not _is_healthy(settings):
        _refuse_ended(parts, settings)
        if time.monotonic() > ends:
            raise OperatorError(f"Airflow is not ready after {START_SECONDS:.0f} s, see {_home(settings)}/*.log")
        time.sleep(0.5)


def _is_healthy(settings: Settings) -> bool:
    try:
        with urllib.request.urlopen(f"{_url(settings)}/api/v2/monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except (OSError, ValueError, http.client.HTTPException):
        return False
    return all((health.get(part) or {}).get("status") == "healthy" for part in ("scheduler", "dag_processor"))


def _refuse_ended(parts: dict[str, subprocess.Popen[bytes]], settings: Settings) -> None:
    for name, process in parts.items():
        if process.poll() is not None:
            log = _home(settings) / f"{name}.log"
            raise OperatorError(f"airflow {name} ended by itself, {log} ends: {_last_words(log)}")


def _last_words(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-500:] or "nothing"


def _stop(parts: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """End every process of the parts' sessions: asked first, killed after 10 s.

    A job that is killed is made to be started again, and waiting for one could take its two hours.
    """
    impatient = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        sessions = {process.pid for process in parts.values()}
        for ask in (psutil.Process.terminate, psutil.Process.kill):
            kin = _of_sessions(sessions)
            for process in kin:
                try:
                    ask(process)
                except psutil.NoSuchProcess:
                    continue
            psutil.wait_procs(kin, timeout=STOP_SECONDS)
        for part in parts.values():
            part.wait()
    finally:
        signal.signal(signal.SIGINT, impatient)


def _of_sessions(sessions: set[int]) -> list[psutil.Process]:
    processes = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions:
                processes.append(process)
        except (ProcessLookupError, PermissionError):
            continue
    return processes

"""Set-up: `python3 -m jobs.local.setup.toolchain` makes .venv and .jars, with the word `airflow` .venv-airflow.

Runs under the system's Python, standard library only, and may be stopped and started again at any point. What
is done is remembered by a stamp: a hash of everything that decides the result.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

# Read by Pythons as old as 3.6, which must reach this line: so no newer syntax in this file or before it.
if sys.version_info < (3, 11):  # noqa: UP036
    for _name in ("python3.11", "python3.12", "python3.13"):
        _newer = shutil.which(_name)
        if _newer and subprocess.call([_newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(_newer, [_newer, "-m", "jobs.local.setup.toolchain", *sys.argv[1:]])
    sys.exit(
        f"set-up: {sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]}, 3.11 or newer is"
        " needed: install python3.11 and python3.11-venv, or run make with PYTHON=/path/to/python3.11"
    )

from jobs.local.setup import jars, machine
from jobs.local.setup.steps import Failed, apt_install, can_apt_install, must, run, step

UV = "0.13.8"
AIRFLOW = ("apache-airflow==3.3.2", "apache-airflow-providers-apache-spark==6.3.4")
INPUTS = (
    *("setup.py", "conf/constraints.txt", "conf/ivy.xml", "conf/jars.sha256"),
    *("jobs/local/setup/toolchain.py", "jobs/local/class_archive.py"),
)
AIRFLOW_INPUTS = ("conf/constraints-airflow.txt", "jobs/local/setup/toolchain.py")


def main(arguments: list[str]) -> int:
    """Exit code 0 when everything is in place, 1 with one line when not, 130 when interrupted."""
    project = Path(__file__).resolve().parents[3]
    airflow = arguments == ["airflow"]
    if arguments and not airflow:
        print(f"set-up: knows the word `airflow` or none, not {' '.join(arguments)!r}", file=sys.stderr)
        return 1

    def waiting() -> None:
        print("set-up: another set-up runs in this folder, waiting for it", flush=True)

    try:
        with jars.only_one(project / ".jars" / "setup.lock", waiting):
            set_up(project)
            if airflow:
                set_up_airflow(project)
    except (Failed, machine.Missing, jars.Refused, OSError) as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up: stopped; start it again and it goes on from here", file=sys.stderr)
        return 130
    return 0


def set_up(project: Path) -> None:
    """Make .venv and .jars what the inputs say. Raises Failed, machine.Missing, jars.Refused."""
    began = time.monotonic()
    java, java_version = machine.java()
    venv, stamp = project / ".venv", _stamp(project, INPUTS, java_version)
    if _read(venv / ".lakehouse-setup") == stamp and _is_whole(project):
        print(f"set-up: as it should be ({time.monotonic() - began:.1f} s)")
        return
    (venv / ".lakehouse-setup").unlink(missing_ok=True)
    with step(f"Python {sys.version_info[0]}.{sys.version_info[1]}, Java {java_version}, .venv"):
        _make_venv(project)
    with step("Python packages"):
        _install_packages(project)
    with step("JARs of Spark and of the broker"):
        _install_jars(project, java)
    with step("archive of Spark's classes"):
        print(_class_archive(project), end="")
    with step("Redis"):
        print(f" {machine.redis_server(venv)}", end="")
    with step("OpenBLAS"):
        print(f" {_openblas(project)}", end="")
    (venv / ".lakehouse-setup").write_text(stamp)
    print(f"set-up: done ({time.monotonic() - began:.0f} s)")


def set_up_airflow(project: Path) -> None:
    """Make .venv-airflow, apart because Airflow's Spark provider replaces pyspark. Raises Failed."""
    venv, stamp = project / ".venv-airflow", _stamp(project, AIRFLOW_INPUTS)
    if _read(venv / ".lakehouse-setup") == stamp and (venv / "bin" / "airflow").exists():
        return
    with step("Airflow in .venv-airflow"):
        uv, log = str(project / ".venv" / "bin" / "uv"), _log(project, "airflow")
        shutil.rmtree(venv, ignore_errors=True)
        must([uv, "venv", "--python", sys.executable, str(venv)], log, project)
        install = [uv, "pip", "install", "--python", str(venv / "bin" / "python")]
        must([*install, "-c", "conf/constraints-airflow.txt", *AIRFLOW], log, project)
    (venv / ".lakehouse-setup").write_text(stamp)


def _make_venv(project: Path) -> None:
    venv = project / ".venv"
    if _is_ours(venv):
        return
    if venv.exists():
        shutil.rmtree(venv)
    if importlib.util.find_spec("ensurepip") is None:
        raise Failed(
            "this Python cannot make environments: `sudo apt-get install python3-venv`"
            f" (python{sys.version_info[0]}.{sys.version_info[1]}-venv for one beside the system's)"
        )
    try:
        must([sys.executable, "-m", "venv", str(venv)], _log(project, "venv"), project)
    except BaseException:
        shutil.rmtree(venv, ignore_errors=True)
        raise


def _is_ours(venv: Path) -> bool:
    """Whether `venv` was made in this place by a Python of this version, which still runs.

    A folder that was copied or moved here has commands that start the Python of its old place.
    """
    python = venv / "bin" / "python"
    if f" {venv}\n" not in _read(venv / "pyvenv.cfg") or not python.exists():
        return False
    # Without pip when it was killed half-made.
    question = "import pip, sys; print(*sys.version_info[:2])"
    answer = subprocess.run([python, "-c", question], capture_output=True, text=True).stdout
    return answer.split() == [str(part) for part in sys.version_info[:2]]


def _install_packages(project: Path) -> None:
    log, python = _log(project, "packages"), str(project / ".venv" / "bin" / "python")
    must([python, "-m", "pip", "install", "--quiet", f"uv=={UV}"], log, project)
    install = [str(project / ".venv" / "bin" / "uv"), "pip", "install", "--python", python]
    # The pins are the whole list, so nothing is left to resolve: 6 s instead of 72 with a warm cache.
    pins = ["--no-deps", "-r", "conf/constraints.txt", "--build-constraints", "conf/constraints.txt"]
    # Anew in any case: the list of packages and the command come from setup.py as it is now.
    must([*install, *pins, "--reinstall-package", "lakehouse-personalization", "-e", "."], log, project)
    must([install[0], "pip", "check", "--python", python], log, project)


def _install_jars(project: Path, java: Path) -> None:
    targets = _jar_folders(project)
    settings = os.environ.get("IVY_SETTINGS")
    ivy = jars.Ivy(
        java=java,
        jar=next(iter(targets["spark"].glob("ivy-*.jar")), Path("ivy.jar")),
        module=project / "conf" / "ivy.xml",
        cache=_ivy_cache(project),
        log=_log(project, "ivy"),
        settings=Path(settings) if settings else None,
    )
    listing = project / "conf" / "jars.sha256"
    staging = project / ".jars" / "staging"
    count = jars.install(ivy, listing, targets, staging, lambda command, log: run(command, log, project))
    print(f" {count} fetched" if count else " all there", end="")


def _class_archive(project: Path) -> str:
    python, log = str(project / ".venv" / "bin" / "python"), _log(project, "class_archive")
    if run([python, "-m", "jobs.local.class_archive"], log, project) == 0:
        return ""
    return f" not made (see .jars/{log.name}): without it Spark starts some seconds later, no more"


def _openblas(project: Path) -> str:
    if machine.has_openblas():
        return "found"
    gain = "without it ALS takes 2 to 4 times as long at rank 128"
    if not can_apt_install():
        return f"not found; {gain}: sudo apt-get install libopenblas0"
    log = _log(project, "apt")
    if not apt_install("libopenblas0", log, project):
        return f"apt-get could not install libopenblas0 (see .jars/{log.name}); {gain}"
    return "installed by apt-get"


def _ivy_cache(project: Path) -> Path:
    """Ivy's usual place, shared by all clones; the project's own where the home folder cannot be written."""
    usual = Path.home() / ".ivy2" / "cache"
    try:
        usual.mkdir(parents=True, exist_ok=True)
    except OSError:
        return project / ".jars" / "ivy" / "cache"
    return usual if os.access(usual, os.W_OK) else project / ".jars" / "ivy" / "cache"


def _jar_folders(project: Path) -> dict[str, Path]:
    library = project / ".venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    spark = library / "site-packages" / "pyspark" / "jars"
    return {"spark": spark, "kafka": project / ".jars" / "kafka"}


def _is_whole(project: Path) -> bool:
    """Whether what the stamp stands for is still there: the command, and every JAR by its SHA-256 (0.2 s)."""
    pins = jars.pinned(project / "conf" / "jars.sha256")
    return (project / ".venv" / "bin" / "lakehouse").exists() and not any(
        jars.unfit(folder, pins[conf]) for conf, folder in _jar_folders(project).items()
    )


def _stamp(project: Path, inputs: tuple[str, ...], java_version: str = "") -> str:
    """Changes with the inputs, the place, Python's version and Java's, which alone can read its archive of classes."""
    digest = hashlib.sha256(f"{project} {sys.version_info[:2]} {java_version}".encode())
    for name in inputs:
        digest.update((project / name).read_bytes())
    return digest.hexdigest()


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _log(project: Path, name: str) -> Path:
    return project / ".jars" / f"{name}.log"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

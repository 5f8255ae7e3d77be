"""The house rules: which way imports go, one name for one thing, no module named like a library."""

import ast
import graphlib
import importlib.metadata
import runpy
import sys
from pathlib import Path

import pytest

from expectations.schemas import TABLES
from jobs.job_list import job_named, names

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "expectations": {"expectations"},
    "models": {"models"},
    "jobs": {"expectations", "models", "jobs"},
    "dags": set(),
}
STOREYS = (
    {"errors", "output"},
    {"settings"},
    {"lake"},
    {"people", "privacy", "schema_registry", "redis_store", "segment_rules", "watch", "maintenance"},
    {"job", "job_list", "job_progress", "job_report"},
    {"landing"},
    {"champions", "hooks", "ledger", "profiles", "quarantine", "segments", "sources", "supervision"},
    {"bronze", "silver", "gold", "quality", "ops", "publish", "live", "serve"},
    {"train"},
    {"local"},
    {"commands"},
)
"""The rooms of jobs/, the lowest first: what lies in one imports from lower storeys, and within its own without a
circle. A job stands on the rooms below and not on another job's room; that train learns from gold is the exception."""
WRITTEN_BESIDE = {
    "quarantine.events",
    "quarantine.sources",
    "ops.ledger",
    "ops.quality",
    "ops.landings",
    "ops.identity_review",
    "ops.segment_rule_sets",
    "silver.identity_links",
    "silver.identity_changes",
    "gold.segment_changes",
    "gold.segment_checks",
    "gold.profile_history",
    "gold.person_factors",
    "gold.item_factors",
}
"""Tables that a job of another name writes beside its own."""


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names += [str(node.module), *[f"{node.module}.{alias.name}" for alias in node.names]]
    return set(names)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_go_one_way(folder: str) -> None:
    others = {"expectations", "models", "jobs", "dags", "notebooks", "tests"} - MAY_IMPORT[folder]
    wrong = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules(folder)
        for name in imported(file)
        if name.split(".")[0] in others
    }
    assert not wrong


def rooms() -> dict[str, set[str]]:
    """Every room of jobs/ with those that it imports."""
    graph: dict[str, set[str]] = {}
    for file in modules("jobs"):
        room = file.relative_to(ROOT / "jobs").parts[0].removesuffix(".py")
        others = {name.split(".")[1] for name in imported(file) if name.startswith("jobs.")}
        graph.setdefault(room, set()).update(others - {room})
    return {room: others for room, others in graph.items() if room != "__init__"}


def test_no_room_of_jobs_imports_from_a_higher_one() -> None:
    storey = {room: number for number, rooms in enumerate(STOREYS) for room in rooms}
    graph = rooms()
    assert set(graph) == set(storey), "a new room needs its storey here"
    assert not {f"{room} imports {other}" for room in graph for other in graph[room] if storey[other] > storey[room]}
    layers = STOREYS[7]
    assert not {f"{room} imports {other}" for room in layers for other in graph[room] & layers}


def test_there_is_no_circle_between_rooms_or_files() -> None:
    files = [file for folder in MAY_IMPORT for file in modules(folder)]
    names = {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}
    of_files = {name: {other for other in imported(file) if other in names} - {name} for name, file in names.items()}
    for graph in (rooms(), of_files):
        tuple(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names it


@pytest.mark.parametrize(
    ("library", "owner"), [("mlflow", "models/registry.py"), ("great_expectations", "expectations")]
)
def test_a_library_has_one_door(library: str, owner: str) -> None:
    users = {
        str(file.relative_to(ROOT))
        for folder in ("expectations", "models", "jobs")
        for file in modules(folder)
        if any(name.split(".")[0] == library for name in imported(file))
    }
    assert users and all(user.startswith(owner) for user in users)


def test_the_local_parts_are_not_used_by_the_jobs() -> None:
    """A cluster has no jobs/local: what runs there must not need it."""
    rooms = {name.split(".")[0] for name in names()}
    layers = [file for layer in (*rooms, "lake", "serve") for file in modules(f"jobs/{layer}")]
    assert not {str(file) for file in layers for name in imported(file) if name.startswith("jobs.local")}


def test_every_table_is_written_by_a_job_that_exists() -> None:
    assert {table.job for table in TABLES.values()} <= set(names())


def test_each_job_declares_the_name_of_its_file() -> None:
    assert {name: job_named(name).name for name in names()} == {name: name for name in names()}


@pytest.mark.parametrize("name", names())
def test_each_job_is_a_script_that_takes_its_options(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As spark-submit runs its file, up to where Spark would start."""
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "jobs" / f"{name.replace('.', '/')}.py"), run_name="__main__")
    options = [f"--{flag.replace('_', '-')}" for flag in ("env", "as_of", *job_named(name).flags)]
    shown = capsys.readouterr().out
    assert ended.value.code == 0 and not [option for option in options if option not in shown]


def test_table_and_job_have_one_name() -> None:
    assert {name for name, table in TABLES.items() if table.job != name} == WRITTEN_BESIDE


def test_every_job_of_a_layer_is_a_table() -> None:
    files = [file for layer in ("bronze", "silver", "gold") for file in modules(f"jobs/{layer}")]
    layered = {f"{file.parent.name}.{file.stem}" for file in files if file.stem != "__init__"}
    assert layered <= set(TABLES) and layered <= set(names())


def test_no_module_is_named_like_a_library() -> None:
    """spark-submit puts a job's own folder first on the path: jobs/x/redis.py would hide redis."""
    taken = {
        name for names in importlib.metadata.packages_distributions() for name in [names]
    } | sys.stdlib_module_names
    taken -= {"jobs", "models", "expectations", "tests"}
    files = [file for folder in MAY_IMPORT for file in modules(folder) if file.stem != "__init__"]
    assert len(files) > 40
    assert not {str(file.relative_to(ROOT)) for file in files if file.stem in taken}

"""The house rules: which way imports go, one name for one thing, no module named like a library."""

import ast
import importlib.metadata
import sys
from pathlib import Path

import pytest

from expectations.schemas import TABLES
from jobs import job

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "expectations": {"expectations"},
    "models": {"models"},
    "jobs": {"expectations", "models", "jobs"},
    "dags": set(),
}
WRITTEN_BESIDE = {
    "quarantine.events",
    "quarantine.sources",
    "ops.ledger",
    "ops.quality",
    "ops.landings",
    "gold.person_factors",
    "gold.item_factors",
}
"""Tables that a job of another name writes beside its own."""


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0]
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
    layers = [file for layer in (*job.LAYERS, "lake", "serve") for file in modules(f"jobs/{layer}")]
    assert not {str(file) for file in layers for name in imported(file) if name.startswith("jobs.local")}


def test_every_table_is_written_by_a_job_that_exists() -> None:
    assert {table.job for table in TABLES.values()} <= set(job.names())


def test_table_and_job_have_one_name() -> None:
    assert {name for name, table in TABLES.items() if table.job != name} == WRITTEN_BESIDE


def test_every_job_of_a_layer_is_a_table() -> None:
    layered = {name for name in job.names() if name.split(".")[0] in ("bronze", "silver", "gold")}
    assert layered <= set(TABLES)


def test_no_module_is_named_like_a_library() -> None:
    """spark-submit puts a job's own folder first on the path: jobs/x/redis.py would hide redis."""
    taken = {
        name for names in importlib.metadata.packages_distributions() for name in [names]
    } | sys.stdlib_module_names
    taken -= {"jobs", "models", "expectations", "tests"}
    files = [file for folder in MAY_IMPORT for file in modules(folder) if file.stem != "__init__"]
    assert len(files) > 40
    assert not {str(file.relative_to(ROOT)) for file in files if file.stem in taken}

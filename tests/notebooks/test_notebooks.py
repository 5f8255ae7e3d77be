"""Every notebook runs from top to bottom on the small lake, in a kernel of its own, and draws something."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import SmallLake

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ("01_follow_one_event", "02_people_and_personas", "03_compare_models")


def test_these_are_all() -> None:
    assert tuple(sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_draws(name: str, small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in small_lake.environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("LAKEHOUSE_SPARK__DRIVER_MEMORY", "1g")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    book = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    NotebookClient(book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    drawn = [
        output for cell in book.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert drawn


@pytest.mark.parametrize("name", NAMES)
def test_the_demos_outputs_are_kept_and_nothing_is_defined(name: str) -> None:
    book = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell.outputs)
    assert not [cell.source for cell in code if "def " in cell.source or "class " in cell.source]

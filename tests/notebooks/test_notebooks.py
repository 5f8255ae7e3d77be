"""Every notebook runs from top to bottom on the small lake and draws something."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode as Notebook
from nbformat.v4 import new_code_cell, new_notebook

from tests.conftest import SHORT_LIVED_JVM, SmallLake

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ("01_follow_one_event", "02_people_and_personas", "03_compare_models")


def test_these_are_all() -> None:
    assert tuple(sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))) == NAMES


@pytest.fixture(scope="module")
def executed(small_lake: SmallLake) -> Notebook:
    """The three run one after the other in one kernel, and so on one Spark; no name of one is left for the next."""
    book = new_notebook()
    for name in NAMES:
        cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
        for cell in cells:
            cell.metadata["notebook"] = name
        book.cells += [new_code_cell("%reset -f"), *cells]
    with pytest.MonkeyPatch.context() as patch:
        variables = {**small_lake.environment, **SHORT_LIVED_JVM, "LAKEHOUSE_SPARK__DRIVER_MEMORY": "1g"}
        for variable, value in variables.items():
            patch.setenv(variable, value)
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        folder = {"metadata": {"path": str(NOTEBOOKS)}}
        NotebookClient(book, timeout=240, kernel_name="python3", resources=folder).execute()
    return book


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_draws(name: str, executed: Notebook) -> None:
    cells = [cell for cell in executed.cells if cell.metadata.get("notebook") == name]
    drawn = [output for cell in cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    assert drawn


@pytest.mark.parametrize("name", NAMES)
def test_the_demos_outputs_are_kept_and_nothing_is_defined(name: str) -> None:
    book = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell.outputs)
    assert not [cell.source for cell in code if "def " in cell.source or "class " in cell.source]

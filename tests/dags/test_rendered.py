"""Each step's spark-submit command, equal to the committed tests/dags/rendered/<dag>.<step>.txt.

After a change that is meant: `RENDER=1 .venv/bin/python -m pytest tests/dags/test_rendered.py`, then read the
difference in git.
"""

import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from expectations.suites import SUITES

RENDERED = Path(__file__).with_name("rendered")
MEASURED = {"ops.daily_quality", "ops.alerts"}
"""Tables of what watch_quality itself finds, beside its gate."""


def as_text(command: list[str]) -> str:
    """The command as one would type it, an option with its value on each line."""
    text = ""
    for before, word in zip(["", *command], command, strict=False):
        on_its_line = before.startswith("--") or not before
        text += ("" if not before else " " if on_its_line else " \\\n  ") + shlex.quote(word)
    return text + "\n"


@pytest.mark.airflow
def test_every_command_is_as_committed(dags: dict[str, Any]) -> None:
    commands = {
        f"{dag_id}.{step}.txt": as_text(command)
        for dag_id, dag in dags.items()
        for step, command in dag["commands"].items()
    }
    if os.environ.get("RENDER"):
        for file in RENDERED.glob("*.txt"):
            file.unlink()
        for name, text in commands.items():
            (RENDERED / name).write_text(text, encoding="utf-8")
    assert commands == {file.name: file.read_text(encoding="utf-8") for file in RENDERED.glob("*.txt")}


def test_every_table_with_a_suite_passes_the_gate_of_a_dag() -> None:
    gates = [shlex.split(file.read_text(encoding="utf-8")) for file in RENDERED.glob("*.quality.gate.txt")]
    gated = {name for words in gates for name in words[words.index("--tables") + 1].split(",")}
    assert {*SUITES} - MEASURED == gated

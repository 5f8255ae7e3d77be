"""`lakehouse segments`, as it is typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.commands.app import app


def test_the_segments_that_ship_are_listed() -> None:
    assert CliRunner().invoke(app, ["segments", "check"]).stdout == "24 segments; every rule can be read\n"
    listed = json.loads(CliRunner().invoke(app, ["segments", "list", "--json"]).stdout)
    assert {"cart_abandoners", "win_back"} <= {one["name"] for one in listed}


def test_a_wrong_rule_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[a]\ntitle = 'A'\npurpose = 'marketing'\nowner = 'crm'\nrule = 'any(\"purchse\")'\n")
    monkeypatch.setenv("LAKEHOUSE_SEGMENTS__FILE", str(file))
    answer = CliRunner().invoke(app, ["segments", "check"])
    assert answer.exit_code == 1
    expected = "segment a, line 1, column 5: no event type 'purchse'; did you mean purchase?"
    assert expected in " ".join(answer.output.split())

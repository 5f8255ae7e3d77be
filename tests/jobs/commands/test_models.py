"""`lakehouse models` on a real MLflow: what it lists, and which version is champion when it was told so."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from jobs.champions import tracking
from jobs.commands.app import app
from jobs.settings.loading import load
from models import registry
from models.registry import CHAMPION, Origin, Registry


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setenv("LAKEHOUSE_MLFLOW__TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("LAKEHOUSE_MLFLOW__ARTIFACTS", str(tmp_path / "artifacts"))
    return tracking.registry_of(load("local"))


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", *words])


def learned(here: Registry, name: str) -> None:
    with registry.started(here, name, {}, Origin({}, "-", "", "")) as run:
        registry.register(run, name, {})


def champion(here: Registry) -> Any:
    version = registry.resolve(here, "personas", CHAMPION)
    return version and version.version


def test_a_version_is_made_champion_and_a_former_one_takes_it_back(here: Registry) -> None:
    assert "nothing was learned yet" in typed("list").stdout
    for name in ("personas", "personas", "intent"):
        learned(here, name)
    registry.set_alias(here, "personas", CHAMPION, "1")
    told = [(one["name"], one["version"], one["aliases"]) for one in json.loads(typed("list", "--json").stdout)]
    assert told == [
        ("intent", "1", ["candidate"]),
        ("personas", "2", ["candidate"]),
        ("personas", "1", ["champion"]),
    ]
    assert "candidate" in typed("list").stdout
    assert "lakehouse segments diff" in typed("promote", "intent").stdout
    for words, version in ((["personas"], "2"), (["personas", "--version", "1"], "1")):
        answer = typed("promote", *words)
        assert answer.exit_code == 0 and champion(here) == version, answer.output
    assert "before: 2" in answer.stdout and "lakehouse run gold.segments" in answer.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["persona"], "no model 'persona'; did you mean personas?"),
        (["churn"], "no model 'churn'; there are: personas"),
        (["personas", "--version", "9"], "no version 9 of personas; there are: 1"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(here: Registry, words: list[str], says: str) -> None:
    learned(here, "personas")
    answer = typed("promote", *words)
    assert answer.exit_code != 0 and says in f"{answer.output}{answer.exception}"
    assert champion(here) is None

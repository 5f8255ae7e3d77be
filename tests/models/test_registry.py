"""A real MLflow on SQLite: what a run and a version hold, and where the aliases point."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from models import registry
from models.judgement_chart import judgement_chart
from models.registry import CANDIDATE, CHAMPION, Origin, Registry
from models.registry_errors import RegistryError

METRICS = {"all": {"recall@10": 0.21, "coverage": 0.01}, "new": {"ndcg@10": 0.0437}}
ORIGIN = Origin({"gold.ratings": 7}, commit="abc123", since="2017-01-01T00:00Z", until="2017-12-04T00:00Z")


@pytest.fixture(scope="module")
def mlflow_here(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("mlflow")
    return Registry(f"sqlite:///{folder}/mlflow.db", "tests", (folder / "artifacts").as_uri())


def trained(here: Registry, name: str, **manifest: object) -> registry.Version:
    with registry.started(here, name, {"rank": 64, "reg": 0.1}, ORIGIN) as run:
        registry.log_metrics(run, METRICS)
        return registry.register(run, name, manifest)


def test_a_version_holds_all_that_was_recorded(mlflow_here: Registry) -> None:
    version = trained(mlflow_here, "als", item_factors={"table": "gold.als_items", "version": 3})
    assert version.version == "1"
    assert version.params == {"rank": "64", "reg": "0.1"}
    assert version.metrics == METRICS
    assert version.tags == {
        "delta.gold.ratings": "7",
        "commit": "abc123",
        "data.since": "2017-01-01T00:00Z",
        "data.until": "2017-12-04T00:00Z",
    }
    assert registry.resolve(mlflow_here, "als", CANDIDATE) == version
    assert registry.manifest(mlflow_here, version) == {"item_factors": {"table": "gold.als_items", "version": 3}}


def test_a_run_says_what_it_learned_from_and_shows_how_it_was_judged(mlflow_here: Registry, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    chart = judgement_chart({"als": METRICS, "popularity": METRICS})
    assert [panel.get_title() for panel in chart.axes] == ["all items", "new items"]
    assert [bar.get_height() for bar in chart.axes[0].patches] == [0.21, 0.01] * 2
    with registry.started(mlflow_here, "described", {}, ORIGIN) as run:
        registry.log_chart(run, "judgement", chart)
    client = MlflowClient(mlflow_here.tracking_uri)
    kept = client.get_run(run.run_id)
    assert kept.data.tags["mlflow.note.content"] == (
        "described, learned from gold.ratings (version 7) until 2017-12-04T00:00Z."
    )
    assert kept.data.tags["mlflow.source.git.commit"] == "abc123"
    assert [(one.dataset.name, one.dataset.digest) for one in kept.inputs.dataset_inputs] == [("gold.ratings", "7")]
    picture = Path(client.download_artifacts(run.run_id, "judgement.png", str(tmp_path)))
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_two_shops_with_a_prefix_each_share_one_registry(mlflow_here: Registry) -> None:
    shoes, books = (replace(mlflow_here, prefix=prefix) for prefix in ("shoes.", "books."))
    of_shoes, of_books = trained(shoes, "als", shop="shoes"), trained(books, "als", shop="books")
    registry.set_alias(shoes, "als", CHAMPION, of_shoes.version)
    assert registry.resolve(books, "als", CHAMPION) is None
    champion = registry.resolve(shoes, "als", CHAMPION)
    assert champion is not None and registry.manifest(shoes, champion) == {"shop": "shoes"}
    assert registry.manifest(books, of_books) == {"shop": "books"}


def test_aliases_move(mlflow_here: Registry) -> None:
    first, second = trained(mlflow_here, "movers"), trained(mlflow_here, "movers")
    registry.set_alias(mlflow_here, "movers", CHAMPION, first.version)
    versions = {alias: registry.resolve(mlflow_here, "movers", alias) for alias in (CANDIDATE, CHAMPION)}
    assert (versions[CANDIDATE], versions[CHAMPION]) == (second, first)
    registry.set_alias(mlflow_here, "movers", CHAMPION, second.version)
    assert registry.resolve(mlflow_here, "movers", CHAMPION) == second


def test_no_such_model_or_alias_is_none(mlflow_here: Registry) -> None:
    trained(mlflow_here, "lonely")
    assert registry.resolve(mlflow_here, "lonely", CHAMPION) is None
    assert registry.resolve(mlflow_here, "nobody", CHAMPION) is None


def test_reasons_are_kept_on_the_run(mlflow_here: Registry) -> None:
    version = trained(mlflow_here, "judged")
    registry.set_tags(mlflow_here, version, {"promotion": "refused: worse than champion"})
    candidate = registry.resolve(mlflow_here, "judged", CANDIDATE)
    assert candidate is not None
    assert candidate.tags["promotion"] == "refused: worse than champion"


def test_a_failed_training_is_failed_and_registers_nothing(mlflow_here: Registry) -> None:
    with pytest.raises(ZeroDivisionError), registry.started(mlflow_here, "broken", {}, ORIGIN) as run:
        raise ZeroDivisionError("no ratings")
    # Read from the database itself, not through the code under test.
    with sqlite3.connect(mlflow_here.tracking_uri.removeprefix("sqlite:///")) as database:
        (status,) = database.execute("select status from runs where run_uuid = ?", (run.run_id,)).fetchone()
        (error,) = database.execute(
            "select value from tags where key = 'error' and run_uuid = ?", (run.run_id,)
        ).fetchone()
    assert (status, error) == ("FAILED", "ZeroDivisionError: no ratings")
    assert registry.resolve(mlflow_here, "broken", CANDIDATE) is None


def test_mlflow_itself_loads_the_model(mlflow_here: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """As somebody without this package would: by the registry's address and the alias."""
    import mlflow
    import pandas as pd

    trained(mlflow_here, "loadable", table="gold.als_items", versions={"gold.ratings": 7})
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(mlflow_here.tracking_uri)
    try:
        model = mlflow.pyfunc.load_model("models:/loadable@candidate")
        answers = model.predict(pd.DataFrame({"key": ["table", "versions", "unknown"]}))
    finally:
        mlflow.set_tracking_uri(before)
    assert [json.loads(answer) for answer in answers] == ["gold.als_items", {"gold.ratings": 7}, None]


def test_says_nothing_and_writes_nothing_elsewhere(
    mlflow_here: Registry, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    version = trained(mlflow_here, "quiet")
    registry.manifest(mlflow_here, version)
    output = capfd.readouterr()
    assert (output.out, output.err) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(RegistryError, match="MLflow at nowhere://"):
        registry.resolve(Registry("nowhere://x"), "als", CHAMPION)

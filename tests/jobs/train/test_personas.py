"""train.personas with a champion before it: who stays, who is new, and what is kept of it in MLflow."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expectations.schemas import TABLES
from jobs.champions import tracking
from jobs.gold.features import NUMBERS
from jobs.job import Options
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.train import personas as job
from models import registry
from models.params import PersonasParams
from tests.other_lake import changed

AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
PARAMS = PersonasParams(algorithms="kmeans", k_min=2, k_max=2)


@pytest.fixture
def shop(lake: Lake, tmp_path: Path) -> Lake:
    own = changed(
        lake,
        consent={"personalisation": True},
        mlflow={"tracking_uri": f"sqlite:///{tmp_path}/mlflow.db", "artifacts": f"{tmp_path}/artifacts"},
    )
    own = Lake(own.spark, own.settings.model_copy(update={"personas": PARAMS}))
    tables.create(own, "silver.consents", "silver.identities")
    return own


def with_features(lake: Lake, seed: int, *kinds: tuple[str, float, str]) -> None:
    """gold.features of thirty people of each kind: (name, what they spend, the category they buy)."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    for kind, spend, category in kinds:
        for i in range(30):
            values = dict.fromkeys(NUMBERS, 1.0) | {"spend": spend * float(rng.lognormal(0, 0.1))}
            rows.append((f"{kind}-{i}", *(values[name] for name in NUMBERS), {category: 1.0}, {"Own": 1.0}))
    frame = lake.spark.createDataFrame(rows, TABLES["gold.features"].ddl)
    tables.overwrite(lake, "gold.features", frame)


def champion(lake: Lake) -> dict[str, Any]:
    where = tracking.registry_of(lake.settings)
    return registry.manifest(where, tracking.champion(lake.settings, "personas"))


def test_personas_keep_their_ids_though_the_categories_are_others(shop: Lake, caplog: pytest.LogCaptureFixture) -> None:
    with_features(shop, 1, ("rich", 900.0, "MEAT"), ("thrifty", 20.0, "FRUIT"))
    job.main(shop, Options(AS_OF))
    first = champion(shop)
    assert [one["segment_id"] for one in first["model"]["personas"]] == ["persona-1", "persona-2"]
    assert [one["segment_id"] for one in first["changes"]["new"]] == ["persona-1", "persona-2"]
    # FRUIT is bought no more; who spends little are others now, who buy what the first model knows nothing of.
    with_features(shop, 2, ("rich", 950.0, "MEAT"), ("student", 300.0, "NOODLES"))
    with caplog.at_level(logging.INFO):
        job.main(shop, Options(AS_OF))
    second = champion(shop)
    assert [one["segment_id"] for one in second["model"]["personas"]] == ["persona-1", "persona-3"]
    assert list(second["changes"]["kept"]) == ["persona-1"]
    assert [one["segment_id"] for one in second["changes"]["retired"]] == ["persona-2"]
    assert second["model"]["personas"][0]["name"] == first["model"]["personas"][0]["name"]
    told = [one for one in caplog.messages if " is retired" in one or " is new" in one]
    assert [one.split(",")[0] for one in told] == ["train.personas: persona-2", "train.personas: persona-3"]
    # Half of the people, who are thrifty by the first model: no more than may be moved unasked.
    own = changed(shop)
    strict = Lake(
        own.spark, own.settings.model_copy(update={"personas": replace(PARAMS, max_movement=0.4, same_within=0.1)})
    )
    with_features(shop, 3, ("rich", 950.0, "MEAT"), ("grower", 60.0, "SEEDS"))
    with caplog.at_level(logging.INFO):
        job.main(strict, Options(AS_OF))
    assert champion(shop) == second
    assert any("3 is not promoted: 50% of the people" in one for one in caplog.messages)
    pictures = sorted(Path(shop.settings.mlflow.artifacts).rglob("personas.png"))
    assert len(pictures) == 3

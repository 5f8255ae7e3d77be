"""The models that rules may ask for, from MLflow; and as they are kept with a set of rules."""

from collections.abc import Mapping
from typing import Any

from jobs.champions import tracking
from jobs.segment_rules.definitions import Scores
from jobs.segment_rules.vocabulary import SCORES, ScoreModel
from jobs.settings.loading import Settings
from models import registry


def champions(settings: Settings) -> Scores:
    """Each as its champion has learned it. Raises ModelError where MLflow does not answer."""
    return {name: _champion(settings, name) for name in SCORES}


def _champion(settings: Settings, name: str) -> ScoreModel | None:
    version = tracking.champion_if_any(settings, name)
    if version is None:
        return None
    manifest = registry.manifest(tracking.registry_of(settings), version)
    return ScoreModel(version.version, manifest["intercept"], manifest["weights"])


def as_values(scores: Scores) -> dict[str, Any]:
    """For JSON; `from_values` makes them again."""
    return {name: None if one is None else one._asdict() for name, one in scores.items()}


def from_values(values: Mapping[str, Any]) -> Scores:
    return {name: None if one is None else ScoreModel(**one) for name, one in values.items()}

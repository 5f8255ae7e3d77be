"""Where models are kept, and what a model was made of: from the settings and the lake to models.registry."""

import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import resources

from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.settings.loading import Settings
from models import registry
from models.registry import Origin, Registry, Version


def registry_of(settings: Settings) -> Registry:
    """The tracking database or server of the settings; a local one's folder is made when it is not there."""
    uri = settings.mlflow.tracking_uri
    if uri.startswith("sqlite:///"):
        settings.home.mkdir(parents=True, exist_ok=True)
        artifacts: str | None = settings.mlflow.artifacts
    else:
        artifacts = None
    return Registry(uri, settings.mlflow.experiment, artifacts, settings.mlflow.prefix)


def champion_if_any(settings: Settings, name: str) -> Version | None:
    """The champion of that name, None when none was promoted yet."""
    return registry.resolve(registry_of(settings), name, registry.CHAMPION)


def champion(settings: Settings, name: str) -> Version:
    """The champion of that name. Raises OperatorError when none was promoted yet."""
    version = champion_if_any(settings, name)
    if version is None:
        raise OperatorError(f"no champion of model {name} yet; train one with: lakehouse run train.{name}")
    return version


def origin(lake: Lake, names: Iterable[str], until: datetime) -> Origin:
    """The Delta versions of the tables as they are now, this code's commit, and the data's last instant."""
    return Origin(tables.versions(lake, names), commit(lake.settings), "", until.astimezone(UTC).isoformat())


def commit(settings: Settings) -> str:
    """The commit of the checkout, with `+changes` when files differ from it; in app.zip the one it was made of."""
    packed = resources.files("jobs") / "COMMIT"
    if packed.is_file():
        return packed.read_text(encoding="utf-8").strip()
    described = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+changes"],
        cwd=settings.project,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"

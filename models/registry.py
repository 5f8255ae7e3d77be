"""Models in MLflow: one run per training, one registered model per name, aliases candidate and champion.

Factors and assignments stay tables of the lake; a registered model holds a manifest that points at them.
The one module that imports mlflow, and only when called: the import alone takes seconds. A fresh database
takes seconds too (its migrations). SQLite allows one writer: give a server's address where jobs train side
by side.
"""

import json
import logging
import os
import pkgutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.registry_errors import has_login, refusal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CANDIDATE = "candidate"
CHAMPION = "champion"

NestedMetrics = Mapping[str, Mapping[str, float]]
"""{"all": {"recall@10": ...}, "new": {...}}. MLflow forbids "@" in names: it is kept there as
"new.recall_at_10".
"""


@dataclass(frozen=True)
class Registry:
    """`tracking_uri`: "sqlite:///.../mlflow.db" or "https://...". `artifacts_uri`: where a new experiment
    keeps its files; None on a server, which knows; needed with SQLite, else MLflow writes under the working
    directory. `prefix`: what the names of registered models begin with, where others register theirs too.
    """

    tracking_uri: str = field(repr=False)
    experiment: str = "lakehouse-personalization"
    artifacts_uri: str | None = None
    prefix: str = ""


@dataclass(frozen=True)
class Origin:
    """What a model was made of: Delta version by table name, commit of the code, first and last instant of
    the data (ISO 8601).
    """

    tables: Mapping[str, int]
    commit: str
    since: str
    until: str


@dataclass(frozen=True)
class Run:
    registry: Registry
    run_id: str


@dataclass(frozen=True)
class Version:
    """One registered version with what its run recorded; params and tags are text, as MLflow keeps them."""

    name: str
    version: str
    run_id: str
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Registered:
    """A version as the registry lists it. `aliases`: candidate, champion, or none."""

    name: str
    version: str
    aliases: tuple[str, ...]
    registered_at: datetime


@contextmanager
def started(registry: Registry, name: str, params: Mapping[str, Any], origin: Origin) -> Iterator[Run]:
    """A run called `name`, FINISHED when the block ends and FAILED, with the error as a tag, when it
    raises.
    """
    from mlflow.entities import Dataset, DatasetInput, Param, RunTag

    client = _client(registry.tracking_uri)
    versions = {f"delta.{table}": str(version) for table, version in origin.tables.items()}
    tags = {**versions, "commit": origin.commit, "data.since": origin.since, "data.until": origin.until}
    learned_from = ", ".join(f"{table} (version {version})" for table, version in origin.tables.items())
    # What MLflow's own pages show as description and source.
    tags["mlflow.note.content"] = f"{name}, learned from {learned_from} until {origin.until}."
    tags["mlflow.source.git.commit"] = origin.commit
    datasets = [
        DatasetInput(Dataset(table, str(version), "delta", json.dumps({"table": table, "version": version})))
        for table, version in origin.tables.items()
    ]
    with _said_plainly(registry):
        run_id = client.create_run(_experiment(registry), run_name=name).info.run_id
        client.log_batch(
            run_id,
            params=[Param(key, str(value)) for key, value in params.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        client.log_inputs(run_id, datasets)
    try:
        yield Run(registry, run_id)
    except BaseException as error:
        client.set_tag(run_id, "error", f"{type(error).__name__}: {error}"[:500])
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def log_metrics(run: Run, metrics: NestedMetrics) -> None:
    """Keep the evaluation of a run."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    flat = [
        Metric(f"{part}.{name}".replace("@", "_at_"), float(value), now, 0)
        for part, values in metrics.items()
        for name, value in values.items()
    ]
    with _said_plainly(run.registry):
        _client(run.registry.tracking_uri).log_batch(run.run_id, metrics=flat)


def log_chart(run: Run, name: str, chart: "Figure") -> None:
    """Keep a picture with a run, under that name."""
    with _said_plainly(run.registry):
        _client(run.registry.tracking_uri).log_figure(run.run_id, chart, f"{name}.png")


def register(run: Run, name: str, manifest: Mapping[str, Any]) -> Version:
    """A new version of `name` that carries `manifest` (what JSON can hold), under the alias candidate."""
    client, registered = _client(run.registry.tracking_uri), f"{run.registry.prefix}{name}"
    with _said_plainly(run.registry), tempfile.TemporaryDirectory() as folder:
        _save_model(Path(folder), manifest)
        client.log_artifacts(run.run_id, str(Path(folder, "model")), "model")
        if not client.search_registered_models(filter_string=f"name='{registered}'"):
            client.create_registered_model(registered)
        created = client.create_model_version(registered, f"runs:/{run.run_id}/model", run.run_id)
    set_alias(run.registry, name, CANDIDATE, str(created.version))
    return _described(run.registry, name, str(created.version), run.run_id)


def resolve(registry: Registry, name: str, alias: str) -> Version | None:
    """The version an alias points at now, None when there is no such model or alias.

    Ask once per job and pass the version on: the alias may move while the job runs.
    """
    from mlflow.exceptions import MlflowException

    try:
        version = _client(registry.tracking_uri).get_model_version_by_alias(f"{registry.prefix}{name}", alias)
    except MlflowException as error:
        # A missing alias is INVALID_PARAMETER_VALUE on SQLite and RESOURCE_DOES_NOT_EXIST on some servers.
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise refusal(registry.tracking_uri, error) from None
    return _described(registry, name, str(version.version), version.run_id)


def manifest(registry: Registry, version: Version) -> dict[str, Any]:
    """The manifest a version was registered with."""
    from mlflow.artifacts import download_artifacts

    with _said_plainly(registry), tempfile.TemporaryDirectory() as folder:
        path = download_artifacts(
            run_id=version.run_id,
            artifact_path="model/data/manifest.json",
            dst_path=folder,
            tracking_uri=registry.tracking_uri,
        )
        return dict(json.loads(Path(path).read_text(encoding="utf-8")))


def set_alias(registry: Registry, name: str, alias: str, version: str) -> None:
    """Point an alias at a version; a promotion and a rollback are this."""
    with _said_plainly(registry):
        _client(registry.tracking_uri).set_registered_model_alias(f"{registry.prefix}{name}", alias, version)


def versions(registry: Registry, name: str | None = None) -> list[Registered]:
    """Of the model of that name, or of all whose names begin with the prefix; each model's newest comes first."""
    client = _client(registry.tracking_uri)
    with _said_plainly(registry):
        models, page = [], None
        while page is None or page.token:
            page = client.search_registered_models(max_results=1000, page_token=page and page.token)
            models += [one for one in page if one.name.startswith(registry.prefix)]
        found = [
            Registered(
                model.name.removeprefix(registry.prefix),
                str(one.version),
                tuple(sorted(alias for alias, version in model.aliases.items() if str(version) == str(one.version))),
                datetime.fromtimestamp(one.creation_timestamp / 1000, UTC),
            )
            for model in models
            for one in client.search_model_versions(f"name='{model.name}'")
        ]
    wanted = [one for one in found if name in (None, one.name)]
    return sorted(wanted, key=lambda one: (one.name, -int(one.version)))


def set_tags(registry: Registry, version: Version, tags: Mapping[str, str]) -> None:
    """Add tags to the run of a version, for example why the gate refused it."""
    client = _client(registry.tracking_uri)
    with _said_plainly(registry):
        for key, value in tags.items():
            client.set_tag(version.run_id, key, value)


@cache
def _client(tracking_uri: str) -> Any:
    """A client without global state. Telemetry off, and its chatter (migrations, tips, bars) off, unless
    asked.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    registry = Registry(tracking_uri)
    with _said_plainly(registry):
        return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def _experiment(registry: Registry) -> str:
    client = _client(registry.tracking_uri)
    experiment = client.get_experiment_by_name(registry.experiment)
    if experiment is not None:
        return str(experiment.experiment_id)
    return str(client.create_experiment(registry.experiment, artifact_location=registry.artifacts_uri))


def _save_model(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write an MLflow model of plain files: nothing pickled, and no signature inferred by running it."""
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    # By get_data, because this package may lie in app.zip, where code has no path.
    loader = folder / "model_manifest.py"
    loader.write_bytes(pkgutil.get_data("models", "model_manifest.py") or b"")
    data = folder / "manifest.json"
    data.write_text(json.dumps(manifest, indent=2, sort_keys=True), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*input example was not provided.*")
        mlflow.pyfunc.save_model(
            path=str(folder / "model"),
            loader_module="model_manifest",
            data_path=str(data),
            code_paths=[str(loader)],
            signature=ModelSignature(Schema([ColSpec("string", "key")]), Schema([ColSpec("string")])),
            pip_requirements=["pandas"],
        )


def _described(registry: Registry, name: str, version: str, run_id: str) -> Version:
    with _said_plainly(registry):
        data = _client(registry.tracking_uri).get_run(run_id).data
    metrics: dict[str, dict[str, float]] = {}
    for key, value in data.metrics.items():
        part, _, metric = key.partition(".")
        metrics.setdefault(part, {})[metric.replace("_at_", "@")] = float(value)
    tags = {key: value for key, value in data.tags.items() if not key.startswith("mlflow.")}
    return Version(name, version, run_id, dict(data.params), metrics, tags)


@contextmanager
def _said_plainly(registry: Registry) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except Exception as error:
        if not isinstance(error, MlflowException | ImportError) and not has_login(registry.tracking_uri):
            raise
        raise refusal(registry.tracking_uri, error) from None

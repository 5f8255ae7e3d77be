"""Settings: conf/base.toml, then one overlay, then environment variables, read once into frozen values."""

import difflib
import importlib.resources
import os
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from jobs.errors import OperatorError
from jobs.settings.alerts_settings import AlertsSettings
from jobs.settings.consent_settings import ConsentSettings
from jobs.settings.contracts_settings import ContractsSettings
from jobs.settings.evaluation_settings import EvaluationSettings
from jobs.settings.kafka_settings import KafkaSettings
from jobs.settings.lake_settings import LakeSettings
from jobs.settings.live_settings import LiveSettings
from jobs.settings.local_settings import LocalSettings
from jobs.settings.maintenance_settings import MaintenanceSettings
from jobs.settings.mlflow_settings import MlflowSettings
from jobs.settings.privacy_settings import PrivacySettings
from jobs.settings.quality_settings import QualitySettings
from jobs.settings.ratings_settings import RatingsSettings
from jobs.settings.recommendations_settings import RecommendationsSettings
from jobs.settings.redis_settings import RedisSettings
from jobs.settings.schema_registry_settings import SchemaRegistrySettings
from jobs.settings.section import Section
from jobs.settings.sources_settings import SourcesSettings
from jobs.settings.spark_settings import SparkSettings
from jobs.settings.streaming_settings import StreamingSettings
from jobs.settings.watch_settings import WatchSettings
from models.params import AlsParams, PersonasParams

PREFIX = "LAKEHOUSE_"


class Settings(BaseSettings):
    """All settings of one environment. `project` is the folder that holds conf/, or where the process started."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__")

    env: str
    project: Path
    home: Path
    lake: LakeSettings
    spark: SparkSettings
    kafka: KafkaSettings
    streaming: StreamingSettings
    sources: SourcesSettings
    consent: ConsentSettings
    live: LiveSettings
    ratings: RatingsSettings
    als: AlsParams
    personas: PersonasParams
    evaluation: EvaluationSettings
    recommendations: RecommendationsSettings
    mlflow: MlflowSettings
    redis: RedisSettings
    quality: QualitySettings
    privacy: PrivacySettings
    contracts: ContractsSettings
    schema_registry: SchemaRegistrySettings
    maintenance: MaintenanceSettings
    watch: WatchSettings
    alerts: AlertsSettings
    local: LocalSettings

    def params_of(self, model: str) -> Any:
        """The parameters of that model, of the type that it defines; None where it has none."""
        return getattr(self, model, None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def load(env: str = "local") -> Settings:
    """The settings of environment `env`.

    Raises OperatorError for an unknown environment, an unknown key (naming the file and the nearest known
    key), a missing key or a value of the wrong type.
    """
    base = _toml("base")
    overlay = _toml(env)
    for name, table in ((f"conf/{env}.toml", overlay), ("conf/base.toml", base)):
        _refuse_unknown(name, _keys(table))
    _refuse_unknown("the environment", _environment_keys(), display=_variable)
    merged = {**base, **{key: _merged(base.get(key), value) for key, value in overlay.items()}}
    project = _project()
    try:
        settings = Settings(env=env, project=project, **merged)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        seen = repr(first.get("input"))
        raise OperatorError(
            f"setting {key}: {first['msg'].lower()}, seen {seen:.80}; mend it in conf/{env}.toml,"
            f" conf/base.toml or {_variable(key)}"
        ) from None
    return _filled(settings)


def _filled(settings: Settings) -> Settings:
    """{home} and the {*_port}s filled in; relative folders count from the project, for every process alike."""
    home = (settings.project / settings.home).absolute()

    def filled(text: str) -> str:
        for name, value in {"home": home, **settings.local.model_dump()}.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def placed(text: str) -> str:
        path = filled(text)
        return path if ":" in path else str((settings.project / path).absolute())

    def placed_if_any(text: str) -> str:
        return placed(text) if text else ""

    mlflow = settings.mlflow
    changed = {
        "lake": {"root": placed(settings.lake.root)},
        "kafka": {"bootstrap": filled(settings.kafka.bootstrap)},
        "redis": {"url": filled(settings.redis.url)},
        "sources": {name: placed(place) for name, place in settings.sources.places().items()},
        "privacy": {"secrets_file": filled(settings.privacy.secrets_file)},
        "contracts": {"folder": placed_if_any(settings.contracts.folder)},
        "schema_registry": {"folder": placed_if_any(settings.schema_registry.folder)},
        "mlflow": {"tracking_uri": placed(mlflow.tracking_uri), "artifacts": placed(mlflow.artifacts)},
    }
    sections = {name: getattr(settings, name).model_copy(update=update) for name, update in changed.items()}
    return settings.model_copy(update={"home": home, **sections})


def _conf() -> Any:
    """conf/ beside the package `jobs`: a folder in a checkout, a folder inside app.zip on a cluster."""
    folder = os.environ.get("LAKEHOUSE_CONF")
    return Path(folder) if folder else importlib.resources.files("jobs").parent / "conf"  # type: ignore[attr-defined]


def _project() -> Path:
    conf = _conf()
    return conf.absolute().parent if isinstance(conf, Path) else Path.cwd()


def _toml(name: str) -> dict[str, Any]:
    file = _conf() / f"{name}.toml"
    if not file.is_file():
        raise OperatorError(f"no conf/{name}.toml for --env {name}; write one or choose --env local or cluster")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise OperatorError(f"conf/{name}.toml is not TOML: {error}") from None


def _merged(base: Any, value: Any) -> Any:
    return {**base, **value} if isinstance(base, dict) and isinstance(value, dict) else value


def _keys(table: dict[str, Any]) -> list[str]:
    nested = [(key, value if isinstance(value, dict) else None) for key, value in table.items()]
    return [path for key, value in nested for path in ([key] if value is None else [f"{key}.{k}" for k in value])]


def _known_keys() -> list[str]:
    keys = []
    for name, field in Settings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            keys += [f"{name}.{key}" for key in inner.model_fields]
        elif isinstance(inner, type) and is_dataclass(inner):
            keys += [f"{name}.{key.name}" for key in fields(inner)]
        else:
            keys.append(name)
    return keys


def _environment_keys() -> list[str]:
    names = [name for name in os.environ if name.startswith(PREFIX) and name != "LAKEHOUSE_CONF"]
    return [name.removeprefix(PREFIX).lower().replace("__", ".") for name in names]


def _variable(key: str) -> str:
    return PREFIX + key.upper().replace(".", "__")


def _refuse_unknown(place: str, keys: list[str], display: Any = str) -> None:
    known_keys = _known_keys()
    for key in keys:
        if key not in known_keys:
            near = difflib.get_close_matches(key, known_keys, n=1, cutoff=0.0)[0]
            raise OperatorError(f"unknown setting {display(key)} in {place}; the nearest known one is {display(near)}")

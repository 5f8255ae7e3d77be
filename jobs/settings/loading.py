"""Settings: conf/base.toml, then one overlay, then environment variables, read once into frozen values."""

import difflib
import functools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from jobs.errors import OperatorError
from jobs.settings.addresses import understood
from jobs.settings.alerts_settings import AlertsSettings
from jobs.settings.consent_settings import ConsentSettings
from jobs.settings.contracts_settings import ContractsSettings
from jobs.settings.currency_settings import CurrencySettings
from jobs.settings.evaluation_settings import EvaluationSettings
from jobs.settings.hooks_settings import HooksSettings
from jobs.settings.identity_settings import IdentitySettings
from jobs.settings.kafka_settings import KafkaSettings
from jobs.settings.lake_settings import LakeSettings
from jobs.settings.linkage_settings import LinkageSettings
from jobs.settings.live_settings import LiveSettings
from jobs.settings.local_settings import LocalSettings
from jobs.settings.maintenance_settings import MaintenanceSettings
from jobs.settings.mlflow_settings import MlflowSettings
from jobs.settings.privacy_settings import PrivacySettings
from jobs.settings.profiles_settings import ProfilesSettings
from jobs.settings.quality_settings import QualitySettings
from jobs.settings.ratings_settings import RatingsSettings
from jobs.settings.recommendations_settings import RecommendationsSettings
from jobs.settings.redis_settings import RedisSettings
from jobs.settings.schema_registry_settings import SchemaRegistrySettings
from jobs.settings.section import Section
from jobs.settings.segments_settings import SegmentsSettings
from jobs.settings.sources_settings import SourceSettings, SourcesSettings
from jobs.settings.spark_settings import SparkSettings
from jobs.settings.streaming_settings import StreamingSettings
from jobs.settings.toml_files import merged, project_folder, read, read_named
from jobs.settings.watch_settings import WatchSettings
from models.params import AlsParams, IntentParams, PersonasParams

PREFIX = "LAKEHOUSE_"
ANY = "*"
"""In a key: the name of a table, which is the user's own."""


class Settings(BaseSettings):
    """All settings of one environment. `project` is the folder that holds conf/, or where the process started."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__", hide_input_in_errors=True
    )

    env: str
    project: Path
    home: Path
    lake: LakeSettings
    spark: SparkSettings
    kafka: KafkaSettings
    streaming: StreamingSettings
    sources: SourcesSettings
    consent: ConsentSettings
    identity: IdentitySettings
    linkage: LinkageSettings
    live: LiveSettings
    hooks: HooksSettings
    currency: CurrencySettings
    ratings: RatingsSettings
    als: AlsParams
    personas: PersonasParams
    intent: IntentParams
    evaluation: EvaluationSettings
    recommendations: RecommendationsSettings
    profiles: ProfilesSettings
    segments: SegmentsSettings
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
    """The settings of environment `env`: a name, of conf/<env>.toml, or the path of a TOML file, beside which its
    relative folders then lie.

    Raises OperatorError for an unknown environment, an unknown key (naming the file and the nearest known
    key), a missing key or a value of the wrong type.
    """
    own = Path(env) if env.endswith(".toml") else None
    base, overlay = read_named("base"), read_named(env) if own is None else read(own, env)
    overlay_name = f"conf/{env}.toml" if own is None else env
    for name, table in ((overlay_name, overlay), ("conf/base.toml", base)):
        _refuse_unknown(name, _keys(table))
    _refuse_unknown("the environment", _environment_keys(), display=_variable)
    project = project_folder()
    try:
        settings = Settings(env=env, project=project, **merged(base, overlay))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise OperatorError(
            f"setting {key}: {first['msg'].lower()}{_seen(first)}; mend it in {overlay_name},"
            f" conf/base.toml or {_variable(key)}"
        ) from None
    except SettingsError as error:
        section = re.search('for field "(.+?)"', str(error))
        raise OperatorError(
            f"a variable of section {section[1] if section else '?'} ({PREFIX}<SECTION>__<KEY>) holds no JSON, where"
            ' the setting is a list or a table: write it as ["a", "b"]'
        ) from None
    return _filled(settings, project if own is None else own.absolute().parent)


def _seen(error: Any) -> str:
    """The value that was refused, as a part of a sentence; nothing where it is, or may hold, a secret."""
    model: Any = Settings
    for part in error["loc"]:
        setting = model.model_fields.get(part) if isinstance(model, type) and issubclass(model, BaseModel) else None
        if setting is None:
            break
        if not setting.repr or setting.annotation is SecretStr:
            return ""
        model = setting.annotation
    return "" if isinstance(error["input"], dict) else f", seen {error['input']!r:.80}"


def _filled(settings: Settings, folder: Path) -> Settings:
    """{home} and the {*_port}s filled in; relative folders count from `folder`, for every process alike."""
    home = (folder / settings.home).absolute()

    def filled(text: str) -> str:
        for name, value in {"home": home, **settings.local.model_dump()}.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def placed(text: str) -> str:
        path = filled(text)
        return path if ":" in path else str((folder / path).absolute())

    def placed_if_any(text: str) -> str:
        return placed(text) if text else ""

    mlflow = settings.mlflow
    changed = {
        "lake": {"root": placed(settings.lake.root)},
        "kafka": {"bootstrap": filled(settings.kafka.bootstrap)},
        "redis": {"url": understood(filled(settings.redis.url), "redis.url", "redis", "rediss", "unix")},
        "sources": {
            name: source.model_copy(update={"location": placed_if_any(source.location)})
            for name, source in settings.sources
            if isinstance(source, SourceSettings)
        },
        "privacy": {"secrets_file": filled(settings.privacy.secrets_file)},
        "segments": {"file": placed_if_any(settings.segments.file)},
        "contracts": {"folder": placed_if_any(settings.contracts.folder)},
        "schema_registry": {
            "url": _of_web(settings.schema_registry.url, "schema_registry.url"),
            "folder": placed_if_any(settings.schema_registry.folder),
        },
        "mlflow": {"tracking_uri": _of_models(placed(mlflow.tracking_uri)), "artifacts": placed(mlflow.artifacts)},
    }
    sections = {name: getattr(settings, name).model_copy(update=update) for name, update in changed.items()}
    return settings.model_copy(update={"home": home, **sections})


def _of_web(urls: str, setting: str) -> str:
    """One URL, or several that serve the same, with commas between; or none."""
    return ",".join(understood(one, setting, "http", "https") for one in re.split(r",(?=https?://)", urls) if one)


def _of_models(uri: str) -> str:
    """A server's or a database's URL; the path of a file and of SQLite's is left alone."""
    has_host = re.match("[^:/]+://[^/]", uri)
    return understood(uri, "mlflow.tracking_uri") if has_host else uri


def _keys(table: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, dict) and f"{path}{key}" not in _known_keys():
            yield from _keys(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


@functools.cache
def _known_keys() -> tuple[str, ...]:
    return tuple(_keys_of(Settings))


def _keys_of(section: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from _keys_of(inner, f"{path}{name}.")
        elif isinstance(inner, type) and is_dataclass(inner):
            yield from (f"{path}{name}.{key.name}" for key in fields(inner))
        elif (table := _named_table(inner)) is not None:
            yield from _keys_of(table, f"{path}{name}.{ANY}.")
        else:
            yield f"{path}{name}"


def _named_table(annotation: Any) -> type[Section] | None:
    """What each table is of a setting that holds tables by names of a type of their own, in which there is no dot."""
    names, inner = get_args(annotation) if get_origin(annotation) is dict else (str, None)
    return inner if names is not str and isinstance(inner, type) and issubclass(inner, Section) else None


def _environment_keys() -> list[str]:
    names = [name for name in os.environ if name.startswith(PREFIX) and name != "LAKEHOUSE_CONF"]
    return [name.removeprefix(PREFIX).lower().replace("__", ".") for name in names]


def _variable(key: str) -> str:
    return PREFIX + key.upper().replace(".", "__")


def _refuse_unknown(place: str, keys: Iterable[str], display: Any = str) -> None:
    for key in keys:
        known = [_named(one, key) for one in _known_keys()]
        if inner := [one.rpartition(".")[2] for one in known if one.startswith(f"{key}.")]:
            raise OperatorError(f"setting {display(key)} in {place} is a section, with the settings {', '.join(inner)}")
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise OperatorError(f"unknown setting {display(key)} in {place}; the nearest known one is {display(near)}")


def _named(known: str, key: str) -> str:
    """A known key, with the table's name as `key` has it."""
    before, _, after = known.partition(f".{ANY}.")
    name = key.removeprefix(f"{before}.").partition(".")[0]
    return f"{before}.{name}.{after}" if after and key.startswith(f"{before}.") else known

"""The sections of the settings, as typed and frozen values; conf/base.toml says what each key means."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Mode = Literal["full", "incremental"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lake(Section):
    root: str


class Spark(Section):
    master: str
    driver_memory: str
    shuffle_partitions: int
    ui: bool


class Kafka(Section):
    bootstrap: str
    topic: str
    partitions: int
    max_offsets_per_trigger: int
    connect_seconds: int


class Streaming(Section):
    trigger_seconds: int
    max_bytes_per_trigger: str
    late_hours: int


class Sources(Section):
    catalog: str
    catalog_table: str
    catalog_mode: Mode
    catalog_changed: str
    crm: str
    crm_table: str
    crm_mode: Mode
    crm_changed: str
    user_variable: str
    password_variable: str
    max_shrink: float = Field(ge=0, le=1)


class Consent(Section):
    analytics: bool
    personalisation: bool
    marketing: bool
    behaviour: tuple[str, ...]


class Live(Section):
    trigger_seconds: int


class Ratings(Section):
    half_life_days: float
    purchase: float
    add_to_cart: float
    add_to_wishlist: float
    rating: float
    product_view: float


class Als(Section):
    rank: int
    iterations: int
    reg: float
    alpha: float
    min_people: int
    seed: int
    blocks: int


class Personas(Section):
    k_min: int
    k_max: int
    min_share: float
    winsor: float
    variance: float
    order_by: str
    iterations: int
    seed: int


class Evaluation(Section):
    holdout_days: int
    k: int
    metric: str
    min_gain: float


class Recommendations(Section):
    again: int
    discover: int


class Mlflow(Section):
    tracking_uri: str
    artifacts: str
    experiment: str


class Redis(Section):
    url: str
    prefix: str
    ttl_days: float
    batch: int


class Quality(Section):
    max_examples: int


class Contracts(Section):
    folder: str


class Registry(Section):
    url: str
    folder: str


class Watch(Section):
    reference_days: int
    min_rows: int
    weeks: int
    least_weeks: int
    z: float
    tolerance: float
    psi: float
    rejected_share: float
    catch_up_days: int


class Alerts(Section):
    webhook: SecretStr
    timeout_seconds: float
    tries: int


class Upkeep(Section):
    """How one table is kept; what is not given is as for the other tables."""

    target_file_mb: float | None = None
    keep_hours: float | None = None
    log_days: float | None = None


class Maintenance(Section):
    target_file_mb: float
    keep_hours: float
    log_days: float
    exclude: tuple[str, ...]
    tables: dict[str, Upkeep]


class Local(Section):
    broker_port: int
    controller_port: int
    redis_port: int
    broker_heap_mb: int
    airflow_port: int
    seed: int


class Privacy(Section):
    token_secrets: tuple[str, ...]
    payload_keys: tuple[str, ...]
    secrets_file: str
    phone_region: str

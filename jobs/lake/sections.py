"""The sections of the settings, as typed and frozen values; conf/base.toml says what each key means."""

from pydantic import BaseModel, ConfigDict


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


class Sources(Section):
    catalog: str
    crm: str


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


class Local(Section):
    broker_port: int
    controller_port: int
    redis_port: int
    broker_heap_mb: int
    airflow_port: int
    seed: int

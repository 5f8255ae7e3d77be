"""What every live job needs before Spark starts."""

from jobs.landing import topic
from jobs.landing.reading import reader_of
from jobs.redis_store.client import connect, require_lasting
from jobs.settings.loading import Settings


def require(settings: Settings) -> None:
    """Raises OperatorError where a secret, the broker, the topic or a Redis that keeps its keys is missing."""
    reader_of(settings)
    topic.require(settings)
    require_lasting(connect(settings.redis), settings.redis)

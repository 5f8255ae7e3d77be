"""What a shop's page shows one person, read from Redis alone."""

from jobs.errors import OperatorError
from jobs.redis_store import client as redis_client
from jobs.redis_store.keys import Keys
from jobs.redis_store.reading import Page, page
from jobs.settings.redis_settings import RedisSettings


def recommended(settings: RedisSettings, person_id: str, segment_id: str = "") -> Page:
    """Raises OperatorError when Redis is away or nothing is published."""
    client = redis_client.connect(settings)
    redis_client.require(client, settings)
    answer = page(client, Keys(settings.prefix), person_id, segment_id)
    if answer is None:
        raise OperatorError(
            f"Redis at {redis_client.shown(settings)} holds no version yet; run: lakehouse run publish.recommendations"
        )
    return answer

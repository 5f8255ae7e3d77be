"""What a shop's page shows a visitor of whom it knows one identifier, read from Redis alone."""

from jobs.errors import OperatorError
from jobs.redis_store.client import connect
from jobs.redis_store.faults import redis_faults
from jobs.redis_store.keys import Keys
from jobs.redis_store.reading import Page, page
from jobs.settings.redis_settings import RedisSettings


def recommended(settings: RedisSettings, person_id: str, segment_id: str = "") -> Page:
    """`person_id`: a user_id as it is, another identifier as type:identifier; whichever of the person's. Raises
    OperatorError when Redis does not answer what it is asked, or nothing is published."""
    with redis_faults(settings):
        answer = page(connect(settings), Keys(settings.prefix), person_id, segment_id)
    if answer is None:
        raise OperatorError(
            f"Redis at {settings.address} holds no version yet; run: lakehouse run publish.recommendations"
        )
    return answer

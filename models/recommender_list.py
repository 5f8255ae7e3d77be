"""The list of recommenders. What is kept here is asked by its common verbs everywhere, and named nowhere else."""

from models import als, frequency, popularity
from models.errors import ModelError
from models.recommender import Recommender

RECOMMENDERS: dict[str, Recommender] = {
    one.name: one for one in (popularity.RECOMMENDER, frequency.RECOMMENDER, als.RECOMMENDER)
}


def recommender(name: str) -> Recommender:
    """Raises ModelError for a name that is not in the list."""
    if name not in RECOMMENDERS:
        raise ModelError(f"no recommender {name}; there are: {', '.join(RECOMMENDERS)}")
    return RECOMMENDERS[name]

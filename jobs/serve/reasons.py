"""Why something is recommended, in English: a text for each key, as a shop has in its own languages."""

from collections.abc import Mapping

TEXTS = {"popular": "popular", "similar_people": "liked by people like you"}


def text(reason: str, values: Mapping[str, str]) -> str:
    """The sentence of a reason; the key itself where there is none for it."""
    if reason == "bought_before":
        times = int(values["times"])
        return {1: "bought once", 2: "bought twice"}.get(times, f"bought {times} times")
    return TEXTS.get(reason, reason)

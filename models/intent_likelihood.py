"""How likely a session is to end in a purchase, from plain numbers; where they are learned: models/intent.py."""

import math
from collections.abc import Iterable

PURCHASE = "purchase"
"""What a session is to end in: a type of event."""

MINUTES = "minutes"
"""What stands for the length of a session among the kinds of steps."""


def likelihood(intercept: float, terms: Iterable[tuple[float, float]]) -> float:
    """From 0 to 1, of pairs of a weight and what it is of: how many steps of a kind, or how many minutes."""
    score = intercept + sum(weight * math.log1p(value) for weight, value in terms)
    return 1 / (1 + math.exp(-score)) if score >= 0 else math.exp(score) / (1 + math.exp(score))

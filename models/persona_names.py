"""Names for personas, made from what sets each apart: no name is written by hand, so none can go stale."""

from collections.abc import Sequence
from dataclasses import dataclass

ALIKE = 0.7
"""Two features correlated above this say the same thing twice (spend and lines): only the first is named."""

NOTABLE = 0.25
"""A mean less than this many standard deviations from everybody's is not worth a word."""

WORDS = {
    "recency_days": ("bought longer ago", "bought more recently"),
    "baskets": ("shops more often", "shops less often"),
    "lines": ("buys more", "buys less"),
    "spend": ("spends more", "spends less"),
    "mean_basket": ("larger baskets", "smaller baskets"),
    "items": ("more different items", "fewer different items"),
    "mean_price": ("higher prices", "lower prices"),
    "discount_share": ("more discounts", "fewer discounts"),
}
"""What is said of a mean above everybody's, and of one below."""


@dataclass(frozen=True)
class Persona:
    """`deviations`: per feature, how many standard deviations the persona's mean lies above everybody's."""

    segment_id: str
    name: str
    description: str
    people: int
    share: float
    deviations: dict[str, float]


def described(
    deviations: Sequence[dict[str, float]],
    people: Sequence[int],
    correlation: Sequence[Sequence[float]],
) -> tuple[Persona, ...]:
    """One persona per entry, in the order given: segment_id "persona-1", "persona-2" ...

    The name holds the two most distinguishing features, three or more where two personas would share a name.
    `correlation` is between features in the order of the deviations' keys.
    """
    total = sum(people)
    phrases = [
        [(_phrase(name, entry[name]), entry[name]) for name in _telling(entry, correlation)] for entry in deviations
    ]
    names = _unique_names([[words for words, _ in of_persona] for of_persona in phrases])
    return tuple(
        Persona(
            segment_id=f"persona-{i + 1}",
            name=names[i],
            description=f"{people[i]:,} people ({people[i] / total:.1%}): {_sentence(phrases[i])}",
            people=people[i],
            share=people[i] / total,
            deviations=dict(deviations[i]),
        )
        for i in range(len(people))
    )


def _sentence(phrases: Sequence[tuple[str, float]]) -> str:
    parts = [f"{words} ({deviation:+.1f} sd)" for words, deviation in phrases[:5]]
    return ", ".join(parts) or "close to the average in everything"


def _telling(entry: dict[str, float], correlation: Sequence[Sequence[float]]) -> list[str]:
    """Features by how far they deviate, without those that repeat one already taken."""
    names = list(entry)
    taken: list[int] = []
    for i in sorted(range(len(names)), key=lambda i: (-abs(entry[names[i]]), i)):
        if abs(entry[names[i]]) < NOTABLE:
            break
        if all(abs(correlation[i][j]) < ALIKE for j in taken):
            taken.append(i)
    return [names[i] for i in taken]


def _phrase(feature: str, deviation: float) -> str:
    """category:MEAT, +1.2 -> "more meat"; brand:OBrien, -1 -> "less of the brand OBrien"; recency_days, -0.8 ->
    "bought more recently"."""
    if feature in WORDS:
        more, less = WORDS[feature]
        return more if deviation > 0 else less
    kind, _, value = feature.rpartition(":")
    words = value.replace("_", " ")
    amount = "more" if deviation > 0 else "less"
    if kind == "brand":
        return f"{amount} of the brand {words}"
    return f"{amount} {words.lower() if words.isupper() else words}"


def _unique_names(phrases: Sequence[Sequence[str]]) -> list[str]:
    lengths = [2] * len(phrases)
    while True:
        names = [", ".join(words[:n]) or "average" for words, n in zip(phrases, lengths, strict=True)]
        shared = [i for i, name in enumerate(names) if names.count(name) > 1 and lengths[i] < len(phrases[i])]
        if not shared:
            break
        for i in shared:
            lengths[i] += 1
    return [f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name for i, name in enumerate(names)]

"""A picture of personas: people in the first two components of the space, in the colour of their persona."""

from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from models import clustering, persona_space
from models.persona_space import Space
from models.personas import PersonasModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PEOPLE = 3_000
"""Dots in one picture: more hide one another."""

WORDS = 3
"""Features named beside an axis: those that weigh most in it."""


def persona_chart(model: PersonasModel, features: DataFrame) -> "Figure":
    """A dot for each of at most PEOPLE people of `features`, and each persona's centre, whose name the legend has.

    Two components of several: personas that overlap here can lie apart in another one.
    """
    from matplotlib.figure import Figure

    digest = F.xxhash64("person_id")
    turned = persona_space.turned(model.space, features).orderBy(digest, "person_id").limit(PEOPLE)
    components = np.array([row[0] for row in turned.select("components").collect()])
    labels, _ = clustering.labeller(model.clustering)(components)
    figure = Figure(figsize=(9, 7), layout="constrained")
    panel = figure.subplots()
    dots, centres = _plane(components), _plane(np.array(model.clustering.centres))
    for number, persona in enumerate(model.personas):
        colour, own, (x, y) = f"C{number % 10}", dots[labels == number], centres[number].tolist()
        told = f"{persona.segment_id}, {persona.people:,} people: {persona.name}"
        panel.scatter(own[:, 0], own[:, 1], s=5, color=colour, alpha=0.4, label=told)
        panel.scatter([x], [y], s=90, color=colour, edgecolor="black", zorder=3)
        panel.annotate(
            persona.segment_id,
            (x, y),
            xytext=(8, 8),
            textcoords="offset points",
            fontsize=8,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": colour},
        )
    panel.set(xlabel=_meaning(model.space, 0), ylabel=_meaning(model.space, 1), title="Personas, and who is like them")
    panel.legend(loc="upper left", fontsize=8, markerscale=3)
    return figure


def _plane(components: np.ndarray) -> np.ndarray:
    """The first two components; 0 for the second where there is but one."""
    return np.pad(components, ((0, 0), (0, 1)))[:, :2]


def _meaning(space: Space, number: int) -> str:
    """Such as "component 1: + spend, + baskets, - recency days"."""
    if number >= len(space.axes):
        return f"component {number + 1}: none"
    weights = sorted(zip(space.axes[number], space.columns, strict=True), key=lambda one: -abs(one[0]))[:WORDS]
    words = [f"{'+' if weight > 0 else '-'} {name.replace(':', ': ').replace('_', ' ')}" for weight, name in weights]
    return f"component {number + 1}: {', '.join(words)}"

"""A picture of how recommenders were judged beside one another."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.registry import NestedMetrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAR = 0.8
"""Width of a metric's group of bars; the next metric is 1 further."""


def judgement_chart(judgement: Mapping[str, NestedMetrics]) -> "Figure":
    """A panel for each part ("all" items, "new" ones), in it a group of bars for each metric, a bar for each
    contestant.
    """
    from matplotlib.figure import Figure

    parts = [*next(iter(judgement.values()))]
    figure = Figure(figsize=(5 * len(parts), 4), layout="constrained")
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    for panel, part in zip(panels, parts, strict=True):
        for number, (name, metrics) in enumerate(judgement.items()):
            at = [group + (number + 0.5) * BAR / len(judgement) for group in range(len(metrics[part]))]
            panel.bar(at, [*metrics[part].values()], BAR / len(judgement), label=name)
        panel.set_title(f"{part} items")
        panel.set_xticks([group + BAR / 2 for group in range(len(metrics[part]))], [*metrics[part]], rotation=30)
    panels[0].legend()
    return figure

"""Which persona is which one of the model before, so that ids and names stay from week to week.

New centres are looked at in the former model's space, whose cuts, scales and axes do not change any more, and are
matched with its centres by the Hungarian method (Kuhn 1955): the pairs whose distances add up to least.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from models import persona_space, personas
from models.persona_names import Persona
from models.personas import PersonasModel


@dataclass(frozen=True)
class Changes:
    """What became of personas from one model to the next. `kept`: of each segment_id that stays, how far its centre
    moved, in components of the former space. `new` and `retired`: personas of the new and of the former model."""

    kept: dict[str, float]
    new: tuple[Persona, ...]
    retired: tuple[Persona, ...]


def relabelled(
    model: PersonasModel,
    features: DataFrame,
    former: PersonasModel,
    former_features: DataFrame,
    same_within: float,
    last_number: int = 0,
) -> tuple[PersonasModel, Changes]:
    """`model` with the segment_ids and names of `former`, where a persona lies no further than `same_within` from its
    former self; every other one gets an id with a number that was never given, above `last_number` and those of
    `former`.

    The two frames describe the same people, each in the columns of its model.
    """
    distances = _distances(_centres(model, features, former, former_features), np.array(former.clustering.centres))
    matched = matches(distances, same_within)
    number = max(last_number, last_given(former))
    given, new = [], []
    taken = {former.personas[j].name for j in matched.values()}
    for i, persona in enumerate(model.personas):
        if i in matched:
            before = former.personas[matched[i]]
            given.append(replace(persona, segment_id=before.segment_id, name=before.name))
            continue
        number += 1
        name = _unlike(persona.name, taken)
        taken.add(name)
        given.append(replace(persona, segment_id=f"persona-{number}", name=name))
        new.append(given[-1])
    retired = [one for j, one in enumerate(former.personas) if j not in matched.values()]
    kept = {former.personas[j].segment_id: float(distances[i, j]) for i, j in matched.items()}
    return replace(model, personas=tuple(given), last_number=number), Changes(kept, tuple(new), tuple(retired))


def matches(distances: np.ndarray, same_within: float) -> dict[int, int]:
    """Row -> column of the pairs, each no further apart than `same_within`, whose distances add up to least, where to
    leave a pair unmatched counts as much as that."""
    from scipy.optimize import linear_sum_assignment  # only training needs it

    pairs = zip(*linear_sum_assignment(np.minimum(distances, same_within)), strict=True)
    return {int(i): int(j) for i, j in pairs if distances[i, j] <= same_within}


def last_given(model: PersonasModel) -> int:
    """The highest number that a segment_id was given up to that model."""
    numbers = [int(match[1]) for one in model.personas if (match := re.fullmatch(r"persona-(\d+)", one.segment_id))]
    return max([model.last_number or 0, *numbers])


def _centres(
    model: PersonasModel, features: DataFrame, former: PersonasModel, former_features: DataFrame
) -> np.ndarray:
    """Of each persona of `model`, in its order, the mean of its people in components of the former space."""
    components = [F.avg(F.col("components")[i]) for i in range(len(former.space.axes))]
    rows = (
        personas.assign(model, features)
        .join(persona_space.turned(former.space, former_features), on="person_id", how="inner")
        .groupBy("segment_id")
        .agg(*components)
        .collect()
    )
    by_id = {row[0]: list(row[1:]) for row in rows}
    return np.array([by_id[one.segment_id] for one in model.personas])


def _distances(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(ours[:, None, :] - theirs[None, :, :], axis=2))


def _unlike(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where a persona that stays has it already."""
    candidates = [name, *(f"{name} ({i})" for i in range(2, len(taken) + 2))]
    return next(one for one in candidates if one not in taken)

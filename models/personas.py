"""Personas: kinds of shoppers, found by clustering in the space of models.persona_space.

models.persona_trials says which clusterings are tried and which is taken; models.persona_labels which persona is which
one of the week before. The model is plain values, so it can be saved as JSON and assigned anywhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from models import clustering, persona_space, persona_trials
from models.clustering import ALGORITHMS, KMEANS, Clustering
from models.errors import ModelError
from models.params import PersonasParams
from models.persona_names import Persona, described
from models.persona_space import ROBUST, STANDARD, Space
from models.persona_trials import Trial

FORMER_NAMES = {"means": "locations"}
"""Fields of a space as a former release called them."""

_ASSIGNED = "person_id string, segment_id string, distance double"


class PersonasError(ModelError):
    """No personas can be found or assigned; the message says what was tried."""


@dataclass(frozen=True)
class PersonasModel:
    """Cluster i of `clustering`, in components of `space`, belongs to `personas[i]`. `trials` holds all that was tried.
    `nowhere`: the share of people who fit nowhere, by HDBSCAN. `last_number`: the highest number that a segment_id,
    such as "persona-4", was ever given; None in a model of a former release.
    """

    k: int
    space: Space
    clustering: Clustering
    personas: tuple[Persona, ...]
    trials: tuple[Trial, ...]
    nowhere: float | None = None
    last_number: int | None = None


def fit(features: DataFrame, params: PersonasParams, before: DataFrame | None = None) -> PersonasModel:
    """Find personas in `features`: person_id and numeric columns, all >= 0, one row per person. The same people give
    the same model, in whatever order and partitions they come. `before`: rows (person_id, segment_id) of the model
    before, whose personas are then carried on as one more trial.

    Fewer than `k_min` where no k from there on leaves every persona its least share: the most that do, and one of
    everybody where not even two do. Raises PersonasError on parameters out of range, SpaceError on values that cannot
    be used, TooLittleData where nobody differs from anybody.
    """
    columns = [name for name in features.columns if name != "person_id"]
    _check(params, columns)
    chosen = features.select("person_id", *columns)
    small = clustering.in_order(chosen, chosen.count()).persist()
    try:
        space = persona_space.learn(small, columns, params.winsor, params.variance, params.scaling)
        turned = persona_space.turned(space, small).persist()
        sample = persona_trials.sampled(turned, params)
        start = None if before is None else _centres(turned, before, len(space.axes))
        tried = persona_trials.all_tried(turned, sample, params, start)
        nowhere = persona_trials.share_nowhere(sample, params)
        turned.unpersist()
        trials = tuple(trial for trial, _ in tried)
        best = persona_trials.best(trials, params)
        order, personas = _told_apart(small, space, tried[best][1], params.order_by)
    finally:
        small.unpersist()
    divided = clustering.reordered(tried[best][1], order)
    return PersonasModel(len(personas), space, divided, personas, trials, nowhere, len(personas))


def assign(model: PersonasModel, features: DataFrame) -> DataFrame:
    """Rows (person_id, segment_id, distance): the persona, and the Euclidean distance to its centre.

    One row per row of `features`. Raises PersonasError where it lacks a column the model was fitted on.
    """
    missing = [name for name in model.space.columns if name not in features.columns]
    if missing:
        raise PersonasError(f"the features lack {', '.join(missing)}, which the model was fitted on")
    return _assigned(features, model.space, model.clustering, [persona.segment_id for persona in model.personas])


def as_values(model: PersonasModel) -> dict[str, Any]:
    """The model as plain values for JSON; `from_values` makes it again."""
    return asdict(model)


def from_values(values: Mapping[str, Any]) -> PersonasModel:
    """The model that `as_values` wrote, also after a trip through JSON, which makes lists of tuples, and also by a
    former release, which knew KMeans alone."""
    former = {"algorithm": KMEANS, "centres": values.get("centres", ())}
    divided = values.get("clustering", former)
    return PersonasModel(
        k=values["k"],
        space=Space(**{FORMER_NAMES.get(name, name): _frozen(value) for name, value in values["space"].items()}),
        clustering=Clustering(**{name: _frozen(value) for name, value in divided.items()}),
        personas=tuple(Persona(**persona) for persona in values["personas"]),
        trials=tuple(Trial(**trial) for trial in values["trials"]),
        nowhere=values.get("nowhere"),
        last_number=values.get("last_number"),
    )


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _check(params: PersonasParams, columns: Sequence[str]) -> None:
    if not 2 <= params.k_min <= params.k_max:
        raise PersonasError(f"k_min is {params.k_min}, k_max {params.k_max}: wanted 2 <= k_min <= k_max")
    if not 0 <= params.min_share <= 1:
        raise PersonasError(f"min_share is {params.min_share}: wanted 0 to 1")
    if params.resamples < 1 or not 0 < params.resample_share <= 1:
        raise PersonasError(
            f"resamples is {params.resamples}, resample_share {params.resample_share}: wanted 1 or more, and 0 to 1"
        )
    if set(params.each_algorithm) - set(ALGORITHMS):
        raise PersonasError(f'algorithms are "{params.algorithms}": wanted some of {", ".join(ALGORITHMS)}')
    if params.scaling not in (STANDARD, ROBUST):
        raise PersonasError(f'scaling is "{params.scaling}": wanted {ROBUST} or {STANDARD}')
    if params.order_by not in columns:
        raise PersonasError(f'order_by is "{params.order_by}", not one of the features {", ".join(columns)}')


def _centres(turned: DataFrame, before: DataFrame, components: int) -> np.ndarray | None:
    """Where the people of each persona of before are now, by segment_id; None where they are not two."""
    means = [F.avg(F.col("components")[i]) for i in range(components)]
    rows = turned.join(before.select("person_id", "segment_id"), on="person_id", how="inner").groupBy("segment_id")
    centres = [row[1:] for row in rows.agg(*means).orderBy("segment_id").collect()]
    return np.array(centres) if len(centres) > 1 else None


def _told_apart(
    features: DataFrame, space: Space, divided: Clustering, order_by: str
) -> tuple[list[int], tuple[Persona, ...]]:
    """The order of the centres by `order_by`, which may be the same for everybody, and the personas in that order."""
    numbers = [str(i) for i in range(len(divided.centres))]
    values = [F.col("x")[i] for i in range(len(space.columns))]
    rows = (
        features.join(_assigned(features, space, divided, numbers), on="person_id", how="inner")
        .select("segment_id", persona_space.scaled(space).alias("x"))
        .groupBy("segment_id")
        .agg(F.count("*"), *map(F.avg, values), *(F.avg(value * value) for value in values))
        .collect()
    )
    counts = np.array([row[1] for row in rows])
    means, squares = np.hsplit(np.array([row[2:] for row in rows]), 2)
    everybody = np.average(means, axis=0, weights=counts)
    spread = np.sqrt(np.average(squares, axis=0, weights=counts) - everybody**2)
    deviations = ((means - everybody) / spread).tolist()
    of_cluster = {
        int(row[0]): (row[1], dict(zip(space.columns, of_persona, strict=True)))
        for row, of_persona in zip(rows, deviations, strict=True)
    }
    order = sorted(of_cluster, key=lambda i: (-of_cluster[i][1].get(order_by, 0.0), i))
    personas = described([of_cluster[i][1] for i in order], [of_cluster[i][0] for i in order], space.correlation)
    return order, personas


def _assigned(features: DataFrame, space: Space, divided: Clustering, ids: Sequence[str]) -> DataFrame:
    return persona_space.turned(space, features).mapInArrow(_assigner(divided, ids), _ASSIGNED)


def _assigner(
    divided: Clustering, ids: Sequence[str]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Nested and importing what it needs, so executors need nothing of this package."""
    label, components = clustering.labeller(divided), len(divided.centres[0])

    def assigned(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        names = pa.array(ids)
        for batch in batches:
            flat = batch.column("components").flatten().to_numpy(zero_copy_only=False)
            labels, distances = label(flat.reshape(-1, components))
            yield pa.RecordBatch.from_arrays(
                [batch.column("person_id"), names.take(pa.array(labels)), pa.array(distances)],
                names=["person_id", "segment_id", "distance"],
            )

    return assigned

"""Personas: kinds of shoppers, found by KMeans in the space of models.persona_space.

The model is plain values, so it can be saved as JSON and assigned anywhere. Silhouette alone picks garbage
(0.95 for one huge cluster and seven crumbs on unscaled features), hence that space and the least share.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
from pyspark.ml.clustering import KMeans
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.ml.functions import array_to_vector
from pyspark.ml.stat import Summarizer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from models import persona_space
from models.errors import ModelError
from models.params import PersonasParams
from models.persona_names import Persona, described
from models.persona_space import Space

Centres = tuple[tuple[float, ...], ...]

_ASSIGNED = "person_id string, segment_id string, distance double"


class PersonasError(ModelError):
    """No personas can be found or assigned; the message says what was tried."""


@dataclass(frozen=True)
class Trial:
    """One k tried. `clusters` can be under k where people coincide. `silhouette` is -1 to 1, with the squared
    Euclidean distance that KMeans uses, -1 where there is but one cluster; `smallest_share` is that of the
    smallest cluster, `smallest` its people.
    """

    k: int
    clusters: int
    silhouette: float
    smallest_share: float
    smallest: int


@dataclass(frozen=True)
class PersonasModel:
    """`centres[i]`, in components of `space`, belongs to `personas[i]`. `trials` holds every k tried."""

    k: int
    space: Space
    centres: Centres
    personas: tuple[Persona, ...]
    trials: tuple[Trial, ...]


def fit(features: DataFrame, params: PersonasParams) -> PersonasModel:
    """Find personas in `features`: person_id and numeric columns, all >= 0, one row per person.

    Fewer than `k_min` where no k from there on leaves every persona its least share: the most that do, and one of
    everybody where not even two do. Raises PersonasError on parameters out of range, SpaceError on values that cannot
    be used, TooLittleData where nobody differs from anybody.
    """
    columns = [name for name in features.columns if name != "person_id"]
    _check(params, columns)
    small = features.select("person_id", *columns).persist()
    try:
        space = persona_space.learn(small, columns, params.winsor, params.variance)
        tried = _all_tried(persona_space.turned(space, small), params)
        of_use = [one for one in tried if _is_of_use(one[0], params)]
        best, centres = max(of_use, key=lambda one: (one[0].silhouette, -one[0].k))
        order, personas = _told_apart(small, space, centres, params.order_by)
    finally:
        small.unpersist()
    trials = tuple(trial for trial, _ in tried)
    return PersonasModel(best.clusters, space, tuple(centres[i] for i in order), personas, trials)


def assign(model: PersonasModel, features: DataFrame) -> DataFrame:
    """Rows (person_id, segment_id, distance): the nearest persona and the Euclidean distance to its centre.

    One row per row of `features`. Raises PersonasError where it lacks a column the model was fitted on.
    """
    missing = [name for name in model.space.columns if name not in features.columns]
    if missing:
        raise PersonasError(f"the features lack {', '.join(missing)}, which the model was fitted on")
    return _assigned(features, model.space, model.centres, [persona.segment_id for persona in model.personas])


def as_values(model: PersonasModel) -> dict[str, Any]:
    """The model as plain values for JSON; `from_values` makes it again."""
    return asdict(model)


def from_values(values: Mapping[str, Any]) -> PersonasModel:
    """The model that `as_values` wrote, also after a trip through JSON, which makes lists of tuples."""
    return PersonasModel(
        k=values["k"],
        space=Space(**{name: _frozen(value) for name, value in values["space"].items()}),
        centres=_frozen(values["centres"]),
        personas=tuple(Persona(**persona) for persona in values["personas"]),
        trials=tuple(Trial(**trial) for trial in values["trials"]),
    )


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _check(params: PersonasParams, columns: Sequence[str]) -> None:
    if not 2 <= params.k_min <= params.k_max:
        raise PersonasError(f"k_min is {params.k_min}, k_max {params.k_max}: wanted 2 <= k_min <= k_max")
    if not 0 <= params.min_share <= 1:
        raise PersonasError(f"min_share is {params.min_share}: wanted 0 to 1")
    if params.order_by not in columns:
        raise PersonasError(f'order_by is "{params.order_by}", not one of the features {", ".join(columns)}')


def _all_tried(turned: DataFrame, params: PersonasParams) -> list[tuple[Trial, Centres]]:
    vector = array_to_vector(F.col("components")).alias("features")
    points = turned.select("person_id", vector).persist()
    try:
        tried = [_tried(points, k, params) for k in range(params.k_min, params.k_max + 1)]
        for k in range(params.k_min - 1, 0, -1):
            if any(_is_of_use(trial, params) for trial, _ in tried):
                break
            tried.append(_tried(points, k, params))
        return tried
    finally:
        points.unpersist()


def _tried(points: DataFrame, k: int, params: PersonasParams) -> tuple[Trial, Centres]:
    if k == 1:  # which KMeans refuses
        mean = points.agg(Summarizer.mean(F.col("features"))).collect()[0][0]
        return Trial(1, 1, -1.0, 1.0, points.count()), (tuple(float(x) for x in mean),)
    model = KMeans(k=k, seed=params.seed, maxIter=params.iterations, distanceMeasure="euclidean").fit(points)
    sizes = [int(size) for size in model.summary.clusterSizes]
    centres = tuple(tuple(float(x) for x in centre) for centre in model.clusterCenters())
    silhouette = -1.0
    if len(centres) > 1:
        silhouette = ClusteringEvaluator(distanceMeasure="squaredEuclidean").evaluate(model.transform(points))
    return Trial(k, len(centres), float(silhouette), min(sizes) / sum(sizes), min(sizes)), centres


def _is_of_use(trial: Trial, params: PersonasParams) -> bool:
    is_large = trial.smallest_share >= params.min_share and trial.smallest >= params.min_people
    return trial.clusters == trial.k and (is_large or trial.k == 1)


def _told_apart(
    features: DataFrame, space: Space, centres: Sequence[Sequence[float]], order_by: str
) -> tuple[list[int], tuple[Persona, ...]]:
    """The order of the centres by `order_by`, which may be the same for everybody, and the personas in that order."""
    numbers = [str(i) for i in range(len(centres))]
    deviation = persona_space.standardised(space)
    rows = (
        features.join(_assigned(features, space, centres, numbers), on="person_id", how="inner")
        .select("segment_id", deviation.alias("x"))
        .groupBy("segment_id")
        .agg(F.count("*").alias("people"), *(F.avg(F.col("x")[i]) for i in range(len(space.columns))))
        .collect()
    )
    of_cluster = {int(row[0]): (row[1], dict(zip(space.columns, row[2:], strict=True))) for row in rows}
    order = sorted(of_cluster, key=lambda i: (-of_cluster[i][1].get(order_by, 0.0), i))
    personas = described([of_cluster[i][1] for i in order], [of_cluster[i][0] for i in order], space.correlation)
    return order, personas


def _assigned(features: DataFrame, space: Space, centres: Sequence[Sequence[float]], ids: Sequence[str]) -> DataFrame:
    return persona_space.turned(space, features).mapInArrow(_assigner(centres, ids), _ASSIGNED)


def _assigner(
    centres: Sequence[Sequence[float]], ids: Sequence[str]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Nested and importing what it needs, so executors need nothing of this package."""

    def nearest(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import numpy as np
        import pyarrow as pa

        targets, names = np.array(centres), pa.array(ids)
        for batch in batches:
            flat = batch.column("components").flatten().to_numpy(zero_copy_only=False)
            rows = flat.reshape(-1, targets.shape[1])
            distances = np.linalg.norm(rows[:, None, :] - targets[None, :, :], axis=2)
            best = distances.argmin(axis=1)
            yield pa.RecordBatch.from_arrays(
                [
                    batch.column("person_id"),
                    names.take(pa.array(best)),
                    pa.array(distances[np.arange(len(best)), best]),
                ],
                names=["person_id", "segment_id", "distance"],
            )

    return nearest

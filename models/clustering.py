"""Ways to divide people into clusters: three of MLlib, kept as plain numbers, so that they assign anywhere.

BisectingKMeans assigns here by the nearest centre, and not down its tree as MLlib does: half a per cent of people lie
nearer to another leaf, and one rule of "nearest" serves both kinds of KMeans.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.ml.clustering import BisectingKMeans, GaussianMixture, KMeans
from pyspark.ml.stat import Summarizer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

KMEANS, BISECTING, MIXTURE = "kmeans", "bisecting_kmeans", "gaussian_mixture"
ALGORITHMS = (KMEANS, BISECTING, MIXTURE)
PEOPLE_A_PARTITION = 50_000
ITERATIONS_A_LEVEL = 20
"""Of BisectingKMeans, which never stops before its last: 50 took four times as long as KMeans."""

Centres = tuple[tuple[float, ...], ...]
Labeller = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Of rows of components the number of each row's cluster, and the Euclidean distance to its centre."""


@dataclass(frozen=True)
class Clustering:
    """`centres[i]`: of cluster i, in components of the space. Of a mixture also `weights[i]`, its share, and
    `covariances[i]`; both are empty where the nearest centre decides.
    """

    algorithm: str
    centres: Centres
    weights: tuple[float, ...] = ()
    covariances: tuple[Centres, ...] = ()


def in_order(rows: DataFrame, people: int) -> DataFrame:
    """The rows of so many people in partitions and an order that follow from person_id alone.

    MLlib draws first centres by partition and place, and sums in that order: without this, the same people in another
    order gave other personas.
    """
    partitions = 1 + people // PEOPLE_A_PARTITION
    return rows.repartition(partitions, "person_id").sortWithinPartitions("person_id")


def fit(points: DataFrame, algorithm: str, k: int, seed: int, iterations: int) -> Clustering:
    """Divides `points` (features: vector) into k clusters, or fewer where people coincide; k = 1: everybody's mean."""
    if k == 1:  # which MLlib refuses
        mean = points.agg(Summarizer.mean(F.col("features"))).collect()[0][0]
        return Clustering(KMEANS, (_floats(mean),))
    if algorithm == MIXTURE:
        model = GaussianMixture(k=k, seed=seed, maxIter=iterations).fit(points)
        gaussians = model.gaussians
        return Clustering(
            MIXTURE,
            tuple(_floats(one.mean) for one in gaussians),
            _floats(model.weights),
            tuple(tuple(map(_floats, one.cov.toArray())) for one in gaussians),
        )
    if algorithm == BISECTING:
        halving = BisectingKMeans(k=k, seed=seed, maxIter=min(iterations, ITERATIONS_A_LEVEL)).fit(points)
        return Clustering(BISECTING, tuple(map(_floats, halving.clusterCenters())))
    means = KMeans(k=k, seed=seed, maxIter=iterations, distanceMeasure="euclidean").fit(points)
    return Clustering(KMEANS, tuple(map(_floats, means.clusterCenters())))


def reordered(clustering: Clustering, order: Sequence[int]) -> Clustering:
    """The same clusters in that order."""
    return Clustering(
        clustering.algorithm,
        tuple(clustering.centres[i] for i in order),
        tuple(clustering.weights[i] for i in order if clustering.weights),
        tuple(clustering.covariances[i] for i in order if clustering.covariances),
    )


def labeller(clustering: Clustering) -> Labeller:
    """What says of rows of components which cluster each is in: the one with the nearest centre, of a mixture the most
    likely one (the posterior's maximum, as MLlib's GaussianMixtureModel has it).

    Nested and importing what it needs, so executors need nothing of this package.
    """
    centres = np.array(clustering.centres)
    roots, constants = _densities(clustering)

    def label(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        offsets = rows[:, None, :] - centres[None, :, :]
        distances = np.linalg.norm(offsets, axis=2)
        if roots is None:
            labels = distances.argmin(axis=1)
        else:
            scaled = np.einsum("nkd,kde->nke", offsets, roots)
            labels = (constants - 0.5 * (scaled**2).sum(axis=2)).argmax(axis=1)
        return labels, distances[np.arange(len(labels)), labels]

    return label


def _densities(clustering: Clustering) -> tuple[np.ndarray | None, np.ndarray]:
    """Of each cluster of a mixture a root of its precision, and the logarithm of what its density is multiplied by.

    Directions of no variance are left out, as in MLlib's MultivariateGaussian.
    """
    if not clustering.covariances:
        return None, np.zeros(0)
    roots, constants = [], []
    for weight, covariance in zip(clustering.weights, clustering.covariances, strict=True):
        values, vectors = np.linalg.eigh(np.array(covariance))
        varies = values > np.finfo(float).eps * values.max() * len(values)
        scales = np.where(varies, 1 / np.sqrt(np.where(varies, values, 1.0)), 0.0)
        roots.append(vectors * scales)
        size = len(values) * np.log(2 * np.pi) + np.log(values[varies]).sum()
        constants.append(np.log(max(weight, np.finfo(float).tiny)) - 0.5 * size)
    return np.array(roots), np.array(constants)


def _floats(values: object) -> tuple[float, ...]:
    return tuple(np.asarray(values, dtype=float).tolist())

"""Personas on trial: each algorithm with each k in one space, how well each divides people, and which is best.

The rule: among the trials of use (see `is_of_use`) those whose stability is at least `min_stability`, and among those
the best silhouette; where none is so stable, the most stable. A silhouette alone picked eight crumbs beside one huge
cluster (0.95 on unscaled features). The personas of the model before, carried on, stay unless another trial's
silhouette is better by more than `min_gain`: of fits that began anew each week, 21 to 52 % of a grocer's people kept
their persona.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from models import clustering
from models.clustering import ALGORITHMS, BISECTING, KMEANS, MIXTURE, Clustering
from models.params import PersonasParams

MIXTURE_TOLERANCE = 0.01
"""MLlib's own: the likelihood's gain at which a mixture is good enough."""

CARRIED_ON = "carried_on"
"""KMeans that starts from where the people of each former persona are now."""


@dataclass(frozen=True)
class Trial:
    """One algorithm with one k. `clusters` can be under k where people coincide, and is 0 where the fit failed.

    Each figure is of at most `sample_people` people. `silhouette`: -1 to 1, of squared Euclidean distances, -1 where
    there is but one cluster. `smallest_share` is that of the smallest cluster, `smallest` its people. `davies_bouldin`:
    0 or more, lower is better (Davies and Bouldin 1979). `stability`: the mean adjusted Rand index (Hubert and Arabie
    1985) with refits on resamples, over the people of each; 1: the same division, 0: as by chance. Both
    are None where there is but one cluster, stability also where the trial is of no use anyway.
    """

    k: int
    clusters: int
    silhouette: float
    smallest_share: float
    smallest: int
    algorithm: str = KMEANS
    davies_bouldin: float | None = None
    stability: float | None = None


Tried = tuple[Trial, Clustering]


@dataclass(frozen=True)
class Sample:
    """At most `sample_people` people, on the driver: `components` by person and component; `drawn[i]` says whom
    resample i holds."""

    components: np.ndarray
    drawn: np.ndarray


def sampled(turned: DataFrame, params: PersonasParams) -> Sample:
    """Those of `turned` (person_id, components) whose hash is lowest: the same in whatever order they come."""
    digest = F.xxhash64("person_id")
    few = turned.orderBy(digest, "person_id").limit(params.sample_people).select("components", digest).collect()
    generator = np.random.default_rng(params.seed)
    drawn = generator.random((params.resamples, len(few))) < params.resample_share
    return Sample(np.array([row[0] for row in few]), drawn)


def all_tried(
    turned: DataFrame, sample: Sample, params: PersonasParams, start: np.ndarray | None = None
) -> list[Tried]:
    """The former personas carried on from the centres `start`, and every algorithm with every k from `k_min` to
    `k_max`; where none of all these is of use, smaller ks until one is."""
    points = turned.select(array_to_vector(F.col("components")).alias("features")).persist()
    try:
        tried = [] if start is None else [carried_on(sample, start, params)]
        tried += [_tried(points, sample, one, k, params) for k in _ks(params) for one in params.each_algorithm]
        for k in range(params.k_min - 1, 0, -1):
            if any(is_of_use(trial, params) for trial, _ in tried):
                break
            tried += [_tried(points, sample, one, k, params) for one in (params.each_algorithm if k > 1 else (KMEANS,))]
        return tried
    finally:
        points.unpersist()


def carried_on(sample: Sample, start: np.ndarray, params: PersonasParams) -> Tried:
    """KMeans from the centres `start`. By scikit-learn and on the sample: MLlib's begins nowhere but where it draws."""
    from sklearn.cluster import KMeans

    fitted = KMeans(len(start), init=start, n_init=1, max_iter=params.iterations).fit(sample.components)
    centres = tuple(map(tuple, fitted.cluster_centers_.tolist()))
    return _judged(Clustering(CARRIED_ON, centres), sample, len(start), params, start)


def is_of_use(trial: Trial, params: PersonasParams) -> bool:
    """Whether all its clusters are there, and the smallest is large enough; one cluster of everybody always is."""
    is_large = trial.smallest_share >= params.min_share and trial.smallest >= params.min_people
    return trial.clusters == trial.k and (is_large or trial.k == 1)


def best(trials: Sequence[Trial], params: PersonasParams) -> int:
    """The place of the best by the rule above; of equal ones the smaller k, then the first by ALGORITHMS."""
    of_use = [place for place, trial in enumerate(trials) if is_of_use(trial, params)]
    is_stable = [place for place in of_use if _stability(trials[place]) >= params.min_stability]

    def rank(place: int) -> tuple[float, int, int]:
        trial = trials[place]
        value = trial.silhouette if is_stable else _stability(trial)
        if trial.algorithm == CARRIED_ON:
            value += params.min_gain
        return value, -trial.k, -(CARRIED_ON, *ALGORITHMS).index(trial.algorithm)

    return max(is_stable or of_use, key=rank)


def share_nowhere(sample: Sample, params: PersonasParams) -> float:
    """The share of people whom HDBSCAN (Campello et al. 2013) counts to no cluster of `min_people`: who fits nowhere.

    One cluster of everybody is allowed, so that where people do not fall into groups only the odd ones are counted.
    """
    from sklearn.cluster import HDBSCAN  # a second to import, and only training needs it

    people = len(sample.components)
    least = max(2, params.min_people)
    if people < 2 * least:
        return 0.0
    labels = HDBSCAN(min_cluster_size=least, allow_single_cluster=True, copy=True).fit_predict(sample.components)
    return float((labels == -1).mean())


def _ks(params: PersonasParams) -> range:
    return range(params.k_min, params.k_max + 1)


def _stability(trial: Trial) -> float:
    return 1.0 if trial.k == 1 else trial.stability or 0.0


def _tried(points: DataFrame, sample: Sample, algorithm: str, k: int, params: PersonasParams) -> Tried:
    fitted = _fitted(points, algorithm, k, params)
    if fitted is None:
        return Trial(k, 0, -1.0, 0.0, 0, algorithm), Clustering(algorithm, ())
    return _judged(fitted, sample, k, params)


def _judged(
    fitted: Clustering, sample: Sample, k: int, params: PersonasParams, start: np.ndarray | None = None
) -> Tried:
    from sklearn.metrics import davies_bouldin_score, silhouette_score

    labels, _ = clustering.labeller(fitted)(sample.components)
    sizes = np.bincount(labels, minlength=len(fitted.centres))
    trial = Trial(k, int((sizes > 0).sum()), -1.0, float(sizes.min() / sizes.sum()), int(sizes.min()), fitted.algorithm)
    if not 1 < trial.clusters < len(labels):
        return trial, fitted
    return replace(
        trial,
        silhouette=float(silhouette_score(sample.components, labels, metric="sqeuclidean")),
        davies_bouldin=float(davies_bouldin_score(sample.components, labels)),
        stability=_agreement(sample, labels, fitted.algorithm, params, start) if is_of_use(trial, params) else None,
    ), fitted


def _fitted(points: DataFrame, algorithm: str, k: int, params: PersonasParams) -> Clustering | None:
    """None where MLlib cannot: a mixture of fewer people than it has directions, whose covariance has no inverse."""
    try:
        return clustering.fit(points, algorithm, k, params.seed, params.iterations)
    except (PySparkException, Py4JJavaError):
        if algorithm != MIXTURE:
            raise
        return None


def _agreement(
    sample: Sample, labels: np.ndarray, algorithm: str, params: PersonasParams, start: np.ndarray | None = None
) -> float:
    """The mean adjusted Rand index of `labels` and those of each refit, over the people whom the refit saw.

    The refits are scikit-learn's: MLlib takes a second for each, however few the people, and there are 75 of them.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import adjusted_rand_score

    k, indices = int(labels.max()) + 1, []
    with warnings.catch_warnings():
        # That the last iteration was reached, or that people coincide, shows in the index.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for number, drawn in enumerate(sample.drawn):
            refit = _refit(sample.components[drawn], algorithm, k, params, params.seed + 1 + number, start)
            indices.append(float(adjusted_rand_score(labels[drawn], refit)))
    return float(np.mean(indices))


def _refit(
    people: np.ndarray, algorithm: str, k: int, params: PersonasParams, seed: int, start: np.ndarray | None = None
) -> np.ndarray:
    from sklearn.cluster import BisectingKMeans, KMeans
    from sklearn.mixture import GaussianMixture

    if len(people) < k:
        return np.zeros(len(people), dtype=int)
    if algorithm == MIXTURE:
        mixture = GaussianMixture(
            k, max_iter=params.iterations, tol=MIXTURE_TOLERANCE, init_params="k-means++", random_state=seed
        )
        return np.asarray(mixture.fit_predict(people))
    if algorithm == BISECTING:
        leaves = BisectingKMeans(
            k, max_iter=params.iterations, bisecting_strategy="largest_cluster", random_state=seed
        ).fit(people)
        return clustering.labeller(Clustering(BISECTING, leaves.cluster_centers_))(people)[0]
    init = "k-means++" if start is None else start
    return np.asarray(KMeans(k, init=init, n_init=1, max_iter=params.iterations, random_state=seed).fit_predict(people))

"""What is tried for personas: each figure against its definition, and the rule that takes one."""

import numpy as np
import pytest
from pyspark.ml.clustering import GaussianMixture
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from models import clustering, persona_trials
from models.clustering import ALGORITHMS, KMEANS, MIXTURE
from models.params import PersonasParams
from models.persona_trials import CARRIED_ON, Sample, Trial

PARAMS = PersonasParams(k_min=3, k_max=3, min_share=0.1)


def blobs(*sizes: int, spread: float = 0.3, seed: int = 1) -> np.ndarray:
    """So many people around each of as many places, five apart, in two components."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal((5 * i, 5 * (i % 2)), spread, (n, 2)) for i, n in enumerate(sizes)])


def sample(components: np.ndarray, params: PersonasParams = PARAMS) -> Sample:
    drawn = np.random.default_rng(3).random((params.resamples, len(components))) < params.resample_share
    return Sample(components, drawn)


def trial(k: int, silhouette: float, stability: float, share: float = 0.2, algorithm: str = KMEANS) -> Trial:
    return Trial(k, k, silhouette, share, 100, algorithm, 1.0, stability)


@pytest.mark.parametrize(
    ("trials", "best"),
    [
        ([trial(4, 0.3, 0.9), trial(5, 0.4, 0.9)], 1),  # both stable: the better silhouette
        ([trial(4, 0.3, 0.9), trial(5, 0.4, 0.5)], 0),  # a better silhouette that resamples do not bear out
        ([trial(4, 0.3, 0.4), trial(5, 0.2, 0.5)], 1),  # none is stable: the most stable
        ([trial(4, 0.3, 0.9), trial(5, 0.9, 1.0, share=0.01)], 0),  # a crumb
        ([trial(5, 0.3, 0.9), trial(4, 0.3, 0.8)], 1),  # equal: the smaller k
        ([trial(4, 0.3, 0.9, algorithm=MIXTURE), trial(4, 0.3, 0.9)], 1),  # equal: the simpler algorithm
        ([trial(4, 0.3, 0.6), trial(5, 0.2, 0.9)], 0),  # just stable enough
        ([trial(4, 0.9, 0.9, share=0.01), Trial(1, 1, -1.0, 1.0, 100)], 1),  # one of everybody is always of use
        ([trial(4, 0.3, 0.9), trial(5, 0.26, 0.9, algorithm=CARRIED_ON)], 1),  # not so much better that people move
        ([trial(4, 0.4, 0.9), trial(5, 0.26, 0.9, algorithm=CARRIED_ON)], 0),  # much better
        ([trial(4, 0.1, 0.9), trial(5, 0.26, 0.5, algorithm=CARRIED_ON)], 0),  # what was before is not stable now
        ([trial(4, 0.1, 0.9), trial(5, 0.26, 0.9, 0.01, CARRIED_ON)], 0),  # and there, one has become too small
    ],
)
def test_the_rule(trials: list[Trial], best: int) -> None:
    assert persona_trials.best(trials, PersonasParams(min_stability=0.6, min_share=0.05)) == best


def test_a_trial_whose_clusters_coincide_is_of_no_use() -> None:
    assert not persona_trials.is_of_use(Trial(4, 3, 0.9, 0.3, 100), PARAMS)


def test_every_algorithm_finds_clear_groups_and_its_figures_are_right(spark: SparkSession) -> None:
    components = blobs(30, 40, 50)
    rows = [(f"p{i}", [float(x) for x in row]) for i, row in enumerate(components)]
    turned = spark.createDataFrame(rows, "person_id string, components array<double>")
    tried = persona_trials.all_tried(turned, sample(components), PARAMS)
    assert [one.algorithm for one, _ in tried] == [*ALGORITHMS]
    truth = np.repeat([0, 1, 2], [30, 40, 50])
    for one, divided in tried:
        labels, distances = clustering.labeller(divided)(components)
        assert len({*zip(labels.tolist(), truth.tolist(), strict=True)}) == 3, one.algorithm
        centres = np.array(divided.centres)
        np.testing.assert_allclose(distances, np.sqrt(((components - centres[labels]) ** 2).sum(axis=1)))
        assert (one.clusters, one.smallest, one.smallest_share, one.stability) == (3, 30, 0.25, 1.0)
        assert one.silhouette == pytest.approx(silhouette_by_hand(components, truth))
        assert one.davies_bouldin == pytest.approx(davies_bouldin_by_hand(components, truth))


def silhouette_by_hand(rows: np.ndarray, labels: np.ndarray) -> float:
    """Rousseeuw 1987, of squared Euclidean distances."""
    apart = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    values = []
    for i, own in enumerate(labels):
        means = {c: apart[i, labels == c].sum() / ((labels == c).sum() - (c == own)) for c in set(labels.tolist())}
        within, nearest = means.pop(own), min(means.values())
        values.append((nearest - within) / max(nearest, within))
    return float(np.mean(values))


def davies_bouldin_by_hand(rows: np.ndarray, labels: np.ndarray) -> float:
    groups = [rows[labels == c] for c in sorted(set(labels.tolist()))]
    centres = [group.mean(axis=0) for group in groups]
    spread = [np.linalg.norm(group - centre, axis=1).mean() for group, centre in zip(groups, centres, strict=True)]
    k = range(len(groups))
    worst = [max((spread[i] + spread[j]) / np.linalg.norm(centres[i] - centres[j]) for j in k if j != i) for i in k]
    return float(np.mean(worst))


def test_a_mixture_assigns_as_mllib_does(spark: SparkSession) -> None:
    """One wide and one narrow group, whom the nearest centre would divide in another way."""
    rng = np.random.default_rng(5)
    components = np.concatenate([rng.normal((0, 0), (3, 0.5), (80, 2)), rng.normal((4, 0), 0.3, (60, 2))])
    frame = spark.createDataFrame([([float(x) for x in row],) for row in components], "components array<double>")
    points = frame.coalesce(1).select(array_to_vector(F.col("components")).alias("features"), "components").persist()
    ours = clustering.labeller(clustering.fit(points, MIXTURE, 2, 7, 50))(components)[0]
    theirs = GaussianMixture(k=2, seed=7, maxIter=50).fit(points).transform(points).select("prediction").collect()
    assert ours.tolist() == [row.prediction for row in theirs]
    means = clustering.Clustering(KMEANS, ((0.0, 0.0), (4.0, 0.0)))
    assert ours.tolist() != clustering.labeller(means)(components)[0].tolist()


def test_a_mixture_of_people_who_coincide_is_tried_and_of_no_use(spark: SparkSession) -> None:
    """MLlib ends such a fit with an error of Java's."""
    rows = [(f"p{i}", [1.0, 2.0]) for i in range(12)]
    turned = spark.createDataFrame(rows, "person_id string, components array<double>")
    params = PersonasParams(algorithms=MIXTURE, k_min=2, k_max=2)
    tried = persona_trials.all_tried(turned, sample(np.array([row[1] for row in rows])), params)
    assert [(one.k, persona_trials.is_of_use(one, params)) for one, _ in tried] == [(2, False), (1, True)]


def test_former_personas_are_carried_on_where_a_fit_from_anew_would_divide_in_another_way() -> None:
    """An even cloud: four parts in whatever way. From where they were they hardly move, also on resamples."""
    cloud = np.random.default_rng(2).uniform(size=(400, 2))
    start = np.array([[0.5, 0.1], [0.5, 0.37], [0.5, 0.63], [0.5, 0.9]])  # in four strips, which are no best division
    tried, divided = persona_trials.carried_on(sample(cloud), start, PersonasParams(iterations=1))
    assert (tried.algorithm, tried.k, tried.clusters) == (CARRIED_ON, 4, 4)
    np.testing.assert_allclose(np.array(divided.centres), start, atol=0.1)
    anew = persona_trials._agreement(sample(cloud), clustering.labeller(divided)(cloud)[0], KMEANS, PARAMS)
    assert tried.stability is not None and tried.stability > anew + 0.2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_no_group_is_not_stable(algorithm: str) -> None:
    """Three parts of one even cloud are cut elsewhere by each resample; three clear groups are not."""
    cloud = np.random.default_rng(2).uniform(size=(300, 2))
    fitted = persona_trials._refit(cloud, algorithm, 3, PARAMS, seed=7)
    assert persona_trials._agreement(sample(cloud), fitted, algorithm, PARAMS) < 0.7
    groups = blobs(40, 40, 40)
    truth = np.repeat([0, 1, 2], 40)
    assert persona_trials._agreement(sample(groups), truth, algorithm, PARAMS) == 1.0


def test_who_fits_nowhere() -> None:
    """Six people far from everybody and from one another, of 106."""
    odd = np.array([[30.0, 0], [-30, 5], [0, 40], [10, -40], [60, 60], [-50, -50]])
    params = PersonasParams(min_people=5)
    everybody = np.concatenate([blobs(50, 50), odd])
    assert persona_trials.share_nowhere(Sample(everybody, np.zeros((0, 106))), params) == pytest.approx(6 / 106)
    assert persona_trials.share_nowhere(Sample(odd, np.zeros((0, 6))), params) == 0.0, "too few to say"

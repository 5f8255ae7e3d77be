"""The parameters of every model that has some: frozen values, defined once, and carried by the settings as they are.

Apart from the models themselves so that reading the settings imports no Spark.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class AlsParams:
    """Defaults tuned on a year of a grocer, see models/README.md.

    `min_people`: an item rated by fewer people gets no factors. `blocks`: of people and of items, about two
    to four per core; the first factors are drawn per block, so another number of blocks is another seed.
    """

    rank: int = 64
    iterations: int = 10
    reg: float = 0.1
    alpha: float = 3.0
    min_people: int = 10
    seed: int = 7
    blocks: int = 4


@dataclass(frozen=True)
class PersonasParams:
    """Each of `algorithms` (names with commas between) is tried with each k from `k_min` to `k_max`. Of use is what
    leaves each persona at least `min_share` of all people, and `min_people`; of those whose stability is at least
    `min_stability` the best silhouette wins, over the former personas carried on by more than `min_gain`. Where none is
    of use, the same with the largest k below `k_min` of which one is. `winsor`: the quantile at which a feature is cut.
    `scaling`: robust (median and quartiles) or standard (mean and standard deviation). PCA keeps as many components as
    explain `variance`. Segments are numbered by their people's mean `order_by`, highest first.

    Figures are taken on at most `sample_people` people; stability from refits on `resamples` draws of `resample_share`
    of them. `same_within`: the distance, in components of the former model's space, up to which a persona is a former
    one. `max_movement`: the share of people who may be in another persona than by the champion without an operator's
    word.
    """

    algorithms: str = "kmeans,bisecting_kmeans,gaussian_mixture"
    k_min: int = 4
    k_max: int = 8
    min_share: float = 0.05
    min_people: int = 5
    min_stability: float = 0.6
    min_gain: float = 0.05
    winsor: float = 0.99
    scaling: str = "robust"
    variance: float = 0.9
    order_by: str = "spend"
    iterations: int = 50
    sample_people: int = 10_000
    resamples: int = 5
    resample_share: float = 0.8
    same_within: float = 1.0
    max_movement: float = 0.5
    seed: int = 7

    @property
    def each_algorithm(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.algorithms.split(","))


@dataclass(frozen=True)
class IntentParams:
    """`min_support`: least share of sessions that take a path, of at most `longest` steps, for it to be told of. The
    last `holdout_share` of sessions judge what was learned from those before. Nothing is learned from fewer than
    `min_sessions` that end in a purchase, or as many that do not. `reg`: L2, on standardised features.
    """

    min_support: float = 0.02
    longest: int = 4
    holdout_share: float = 0.25
    min_sessions: int = 50
    reg: float = 0.001
    iterations: int = 100

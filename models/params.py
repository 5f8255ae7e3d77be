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
    """k is chosen from `k_min` to `k_max` by silhouette among those whose smallest cluster holds at least `min_share`
    of all people, and `min_people`; where none does, it is the largest below `k_min` whose smallest cluster does.
    `winsor`: the quantile at which a feature is cut. PCA keeps as many components as explain `variance`. Segments are
    numbered by their people's mean `order_by`, highest first.
    """

    k_min: int = 4
    k_max: int = 8
    min_share: float = 0.05
    min_people: int = 5
    winsor: float = 0.99
    variance: float = 0.9
    order_by: str = "spend"
    iterations: int = 50
    seed: int = 7

"""Section [als]: the parameters of ALS."""

from jobs.settings.section import Section


class AlsSettings(Section):
    rank: int
    iterations: int
    reg: float
    alpha: float
    min_people: int
    seed: int
    blocks: int

"""Section [evaluation]: how models are judged."""

from jobs.settings.section import Section


class EvaluationSettings(Section):
    holdout_days: int
    k: int
    metric: str
    min_gain: float
    baselines: tuple[str, ...]

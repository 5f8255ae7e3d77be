"""The promotion gate: pure values in, a decision with its reasons out. It moves no alias itself."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

Metrics = Mapping[str, Mapping[str, float]]
"""{"all": {"recall@10": ...}, "new": {...}} as models.evaluation gives it."""


@dataclass(frozen=True)
class Decision:
    """`reasons` has one line per comparison made, passed or not, and is never empty."""

    promoted: bool
    reasons: tuple[str, ...]


def decide(
    candidate: Metrics,
    champion: Metrics | None,
    baselines: Mapping[str, Metrics],
    metric: str,
    min_gain: float,
) -> Decision:
    """Promote when the candidate beats champion and every baseline on `metric`, written "new.ndcg@10".

    "Beats" is: greater, and by at least `min_gain` (absolute, in units of the metric). A missing, NaN
    or infinite figure on either side refuses. No champion yet (None) is no obstacle. Raises ValueError when
    `metric` is not written as slice.name or `min_gain` is negative.
    """
    if metric.count(".") != 1:
        raise ValueError(f'metric is "{metric}": write it as slice.name, for example "new.ndcg@10"')
    if not min_gain >= 0:
        raise ValueError(f"min_gain is {min_gain}: it must be 0 or more")
    ours = _figure(candidate, metric)
    if ours is None:
        return Decision(False, (f"refused: the candidate has no usable {metric}",))
    rivals = {f"baseline {name}": baselines[name] for name in sorted(baselines)}
    if champion is not None:
        rivals = {"champion": champion, **rivals}
    verdicts = [_compare(name, _figure(rival, metric), ours, metric, min_gain) for name, rival in rivals.items()]
    promoted = all(passed for passed, _ in verdicts)
    reasons = tuple(reason for _, reason in verdicts)
    if champion is None:
        reasons = ("passed: there is no champion yet", *reasons)
    return Decision(promoted, reasons)


def _figure(metrics: Metrics, metric: str) -> float | None:
    part, name = metric.split(".")
    value = metrics.get(part, {}).get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _compare(name: str, theirs: float | None, ours: float, metric: str, min_gain: float) -> tuple[bool, str]:
    if theirs is None:
        return False, f"refused: {name} has no usable {metric} to compare with"
    passed = ours > theirs and ours - theirs >= min_gain
    verdict = "passed" if passed else "refused"
    required = "greater" if min_gain == 0 else f"at least {min_gain:g} greater"
    return passed, f"{verdict}: {metric} is {ours:.4f}, that of {name} {theirs:.4f}; it must be {required}"

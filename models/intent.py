"""Intent: how likely a session is to end in a purchase, by what was done in it so far.

A logistic regression (MLlib) on how often each kind of step was taken and how long the session lasts, the logarithm of
each. It is learned from every moment of every session before its first purchase, and each session counts as one however
many moments it has. The model is plain numbers: the same likelihood comes from a Column for a table of sessions, and
from plain Python for one session that is under way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.ml.classification import LogisticRegression
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.functions import array_to_vector
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from models import intent_likelihood, intent_paths
from models.errors import ModelError, TooLittleData
from models.intent_likelihood import MINUTES
from models.intent_paths import Path, before_purchase, is_purchase
from models.params import IntentParams

BINS = 10


class IntentError(ModelError):
    """Nothing can be learned with these parameters; the message says which."""


@dataclass(frozen=True)
class Bin:
    """Moments whose likelihood lies in one tenth from 0 to 1: its mean, the share that bought, and how many sessions
    they make (a moment of a session of four counts a quarter)."""

    likelihood: float
    bought: float
    sessions: float


@dataclass(frozen=True)
class Judgement:
    """How well a model of earlier sessions foretold later ones. `log_loss` (nats) and `base_log_loss`, that of saying
    the earlier sessions' share of purchases each time; `auc`: area under the ROC curve; `calibration_error`: the mean
    distance of likelihood and share that bought, over `bins`."""

    sessions: int
    base_rate: float
    log_loss: float
    base_log_loss: float
    auc: float
    calibration_error: float
    bins: tuple[Bin, ...]

    @property
    def beats_base_rate(self) -> bool:
        return self.log_loss < self.base_log_loss


@dataclass(frozen=True)
class IntentModel:
    """`weights`: of log(1 + n) for n steps of a type, by its name, and of log(1 + minutes) under "minutes"."""

    intercept: float
    weights: dict[str, float]
    judgement: Judgement
    paths: tuple[Path, ...]


def fit(sessions: DataFrame, params: IntentParams) -> IntentModel:
    """Learn from `sessions`: started_at, steps (array<string>), seconds (array<double>, of each step since the first).

    Judged on the last sessions by what the others teach, then learned from all. Raises TooLittleData where too few
    sessions with a step before a purchase end in one, or end without; IntentError on parameters out of range.
    """
    _check(params)
    moments = as_moments(sessions).persist()
    try:
        firsts = moments.where(F.size("steps") == 1)  # one of each session
        cut = firsts.agg(F.percentile(F.unix_micros("started_at"), F.lit(1 - params.holdout_share))).collect()[0][0]
        is_later = F.unix_micros("started_at") >= F.lit(cut)
        earlier, later = moments.where(~is_later), moments.where(is_later)
        _require(earlier, params.min_sessions, "earlier")
        _require(later, 1, "later")
        judgement = _judged(later, *_weights(earlier, params), _base_rate(earlier))
        intercept, weights = _weights(moments, params)
        paths = intent_paths.frequent(sessions, params)
    finally:
        moments.unpersist()
    return IntentModel(intercept, weights, judgement, paths)


def likelihood(model: IntentModel, steps: Sequence[str], seconds: float) -> float:
    """How likely a session of these steps, the last `seconds` after the first, is to end in a purchase; 0 to 1."""
    values = {**{name: steps.count(name) for name in model.weights}, MINUTES: seconds / 60}
    return intent_likelihood.likelihood(
        model.intercept, [(weight, values[name]) for name, weight in model.weights.items()]
    )


def likelihood_column(intercept: float, weights: Mapping[str, float], steps: str, seconds: str) -> Column:
    """The same of every row: `steps` an array<string>, `seconds` a double."""
    score = F.lit(intercept)
    for name, weight in weights.items():
        score = score + F.lit(weight) * _feature(name, steps, seconds)
    return 1 / (1 + F.exp(-score))


def as_moments(sessions: DataFrame) -> DataFrame:
    """One row per session and step before its first purchase: the `steps` until then, `seconds` since the first,
    whether the session `bought`, and `weight`, which adds up to 1 for each session."""
    steps = sessions.withColumns({"known": before_purchase("steps"), "bought": is_purchase("steps").cast("double")})
    return steps.select("started_at", "known", "seconds", "bought", F.posexplode("known").alias("place", "_")).select(
        "started_at",
        F.slice("known", 1, F.col("place") + 1).alias("steps"),
        F.get("seconds", F.col("place")).alias("seconds"),
        "bought",
        (1 / F.size("known")).alias("weight"),
    )


def as_values(model: IntentModel) -> dict[str, Any]:
    """The model as plain values for JSON; `from_values` makes it again."""
    return asdict(model)


def from_values(values: Mapping[str, Any]) -> IntentModel:
    """The model that `as_values` wrote, also after a trip through JSON."""
    judgement = values["judgement"]
    return IntentModel(
        intercept=values["intercept"],
        weights=dict(values["weights"]),
        judgement=Judgement(**{**judgement, "bins": tuple(Bin(**one) for one in judgement["bins"])}),
        paths=tuple(Path(**{**path, "steps": tuple(path["steps"])}) for path in values["paths"]),
    )


def _check(params: IntentParams) -> None:
    if not 0 < params.holdout_share < 1:
        raise IntentError(f"holdout_share is {params.holdout_share}: wanted between 0 and 1")
    if not 0 < params.min_support <= 1 or params.longest < 1:
        raise IntentError(
            f"min_support is {params.min_support}, longest {params.longest}: wanted 0 to 1, and 1 or more"
        )


def _require(moments: DataFrame, sessions: int, which: str) -> None:
    bought, left = (F.sum(F.when(F.col("bought") == end, F.col("weight"))) for end in (1, 0))
    row = moments.agg(F.coalesce(bought, F.lit(0.0)), F.coalesce(left, F.lit(0.0))).collect()[0]
    if min(row) < sessions - 1e-6:
        raise TooLittleData(
            f"of the {which} sessions {row[0]:,.0f} end in a purchase and {row[1]:,.0f} do not; wanted {sessions}"
        )


def _weights(moments: DataFrame, params: IntentParams) -> tuple[float, dict[str, float]]:
    """The intercept, and the weight of each feature."""
    types = sorted(row[0] for row in moments.select(F.explode("steps")).distinct().collect())
    names = [*types, MINUTES]
    vector = array_to_vector(F.array(*(_feature(name, "steps", "seconds") for name in names)))
    learner = LogisticRegression(
        labelCol="bought", weightCol="weight", regParam=params.reg, maxIter=params.iterations, standardization=True
    )
    fitted = learner.fit(moments.select(vector.alias("features"), "bought", "weight"))
    return float(fitted.intercept), dict(zip(names, map(float, fitted.coefficients.toArray()), strict=True))


def _feature(name: str, steps: str, seconds: str) -> Column:
    if name == MINUTES:
        return F.log1p(F.col(seconds) / 60)
    return F.log1p(F.size(F.filter(F.col(steps), lambda step: step == name)).cast("double"))


def _base_rate(moments: DataFrame) -> float:
    return float(moments.agg(F.sum(F.col("bought") * F.col("weight")) / F.sum("weight")).collect()[0][0])


def _judged(moments: DataFrame, intercept: float, weights: Mapping[str, float], base_rate: float) -> Judgement:
    foretold = moments.select(
        "bought", "weight", likelihood_column(intercept, weights, "steps", "seconds").alias("likelihood")
    ).persist()
    try:
        weight = F.sum("weight")
        losses = [F.sum(_log_loss(one) * F.col("weight")) / weight for one in (F.col("likelihood"), F.lit(base_rate))]
        log_loss, base_log_loss, sessions = foretold.agg(*losses, weight).collect()[0]
        evaluator = BinaryClassificationEvaluator(
            rawPredictionCol="likelihood", labelCol="bought", weightCol="weight", metricName="areaUnderROC"
        )
        auc = evaluator.evaluate(foretold)
        tenth = F.least(F.floor(F.col("likelihood") * BINS), F.lit(BINS - 1))
        means = [F.sum(F.col(name) * F.col("weight")) / weight for name in ("likelihood", "bought")]
        rows = foretold.groupBy(tenth.alias("tenth")).agg(*means, weight).sort("tenth").collect()
    finally:
        foretold.unpersist()
    bins = tuple(Bin(*row[1:]) for row in rows)
    error = sum(abs(one.likelihood - one.bought) * one.sessions for one in bins) / sessions
    return Judgement(round(sessions), base_rate, log_loss, base_log_loss, float(auc), error, bins)


def _log_loss(likelihood: Column) -> Column:
    """Of one moment; a likelihood of 0 or 1 counts as the nearest that can be wrong."""
    p = F.greatest(F.lit(1e-15), F.least(F.lit(1 - 1e-15), likelihood))
    return -F.when(F.col("bought") == 1, F.log(p)).otherwise(F.log(1 - p))

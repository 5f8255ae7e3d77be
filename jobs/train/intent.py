"""train.intent: paths to a purchase and away from it, and how likely a session is to buy, learned from gold.sessions.

Judged on later sessions; it becomes champion when it foretells them better than their plain share of purchases does.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict

from jobs.champions import tracking
from jobs.job import Job, Options, submit
from jobs.lake.lake import Lake
from jobs.people.personal import personal
from models import intent, intent_paths, registry
from models.errors import TooLittleData
from models.intent import Judgement
from models.intent_paths import Path

NAME = "intent"
PATHS = 3
"""So many of each kind the log tells of; the model's manifest has them all."""

log = logging.getLogger(__name__)


def main(lake: Lake, options: Options) -> None:
    settings = lake.settings
    sessions = personal(lake, "gold.sessions", "personalisation", options.as_of)
    where = tracking.registry_of(settings)
    origin = tracking.origin(lake, ["gold.sessions"], options.as_of)
    try:
        model = intent.fit(sessions, settings.intent)
    except TooLittleData as error:
        log.warning("train.intent: nothing was trained: %s", error)
        return
    with registry.started(where, NAME, asdict(settings.intent), origin) as run:
        registry.log_metrics(run, {"later": as_metrics(model.judgement)})
        version = registry.register(run, NAME, intent.as_values(model))
    outcome = "not promoted"
    if model.judgement.beats_base_rate:
        registry.set_alias(where, NAME, registry.CHAMPION, version.version)
        outcome = "promoted to champion"
    log.info("train.intent: version %s %s: %s", version.version, outcome, _in_words(model.judgement))
    _tell_of_paths("to a purchase", intent_paths.to_purchase(model.paths))
    _tell_of_paths("away from it", intent_paths.away(model.paths))


def as_metrics(judgement: Judgement) -> dict[str, float]:
    """The figures of a judgement, without its bins."""
    return {name: float(value) for name, value in asdict(judgement).items() if name != "bins"}


def _in_words(judgement: Judgement) -> str:
    return (
        f"of {judgement.sessions:,} later sessions log loss {judgement.log_loss:.4f} against"
        f" {judgement.base_log_loss:.4f} of the base rate, AUC {judgement.auc:.3f},"
        f" calibration error {judgement.calibration_error:.3f}"
    )


def _tell_of_paths(kind: str, paths: Sequence[Path]) -> None:
    for path in paths[:PATHS]:
        steps = " > ".join(path.steps)
        log.info("train.intent: %s: %s (support %.1f%%, lift %.2f)", kind, steps, 100 * path.support, path.lift)


JOB = Job(
    "train.intent",
    main,
    reads=("gold.sessions", "silver.consents", "silver.identities"),
    also_writes=("models.intent",),
)

if __name__ == "__main__":
    submit(JOB)

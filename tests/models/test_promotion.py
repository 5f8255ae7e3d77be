"""The gate: what passes, what does not, and that it says why."""

import math

import pytest

from models.promotion import Decision, decide


def metrics(value: float | None) -> dict[str, dict[str, float]]:
    return {"all": {"ndcg@10": 0.9}, "new": {} if value is None else {"ndcg@10": value}}


def gate(candidate: float | None, champion: float | None, min_gain: float = 0.0, **baselines: float) -> Decision:
    return decide(
        metrics(candidate),
        None if champion is None else metrics(champion),
        {name: metrics(value) for name, value in baselines.items()},
        metric="new.ndcg@10",
        min_gain=min_gain,
    )


def test_promotes_what_beats_all() -> None:
    decision = gate(0.05, 0.04, popularity=0.03, frequency=0.02)
    assert decision.promoted
    assert decision.reasons == (
        "passed: new.ndcg@10 is 0.0500, that of champion 0.0400; it must be greater",
        "passed: new.ndcg@10 is 0.0500, that of baseline frequency 0.0200; it must be greater",
        "passed: new.ndcg@10 is 0.0500, that of baseline popularity 0.0300; it must be greater",
    )


def test_promotes_the_first_that_beats_the_baselines() -> None:
    decision = gate(0.05, None, popularity=0.03)
    assert decision.promoted
    assert decision.reasons[0] == "passed: there is no champion yet"


@pytest.mark.parametrize(
    ("champion", "popularity", "refused_by"),
    [
        (0.06, 0.03, "champion"),
        (0.05, 0.03, "champion"),
        (0.04, 0.07, "popularity"),
        (None, 0.05, "popularity"),
    ],
)
def test_refuses_what_does_not_beat_one_of_them(champion: float | None, popularity: float, refused_by: str) -> None:
    decision = gate(0.05, champion, popularity=popularity)
    assert not decision.promoted
    refusals = [reason for reason in decision.reasons if reason.startswith("refused")]
    assert len(refusals) == 1
    assert refused_by in refusals[0]


@pytest.mark.parametrize(("candidate", "promoted"), [(0.0509, False), (0.0511, True)])
def test_wants_the_least_gain(candidate: float, promoted: bool) -> None:
    decision = gate(candidate, 0.05, min_gain=0.001)
    assert decision.promoted is promoted
    assert "it must be at least 0.001 greater" in decision.reasons[0]


@pytest.mark.parametrize("bad", [None, math.nan, math.inf])
def test_refuses_figures_it_cannot_compare(bad: float | None) -> None:
    candidate = gate(bad, None)
    assert candidate == Decision(False, ("refused: the candidate has no usable new.ndcg@10",))
    champion = decide(metrics(0.05), metrics(bad), {}, "new.ndcg@10", 0.0)
    assert not champion.promoted
    assert "champion has no usable new.ndcg@10" in champion.reasons[0]
    baseline = decide(metrics(0.05), None, {"popularity": metrics(bad)}, "new.ndcg@10", 0.0)
    assert not baseline.promoted


@pytest.mark.parametrize(("metric", "gain"), [("ndcg@10", 0.0), ("a.b.c", 0.0), ("new.ndcg@10", -0.1)])
def test_refuses_a_question_it_cannot_read(metric: str, gain: float) -> None:
    with pytest.raises(ValueError, match=r"metric is|min_gain is"):
        decide(metrics(0.05), None, {}, metric, gain)

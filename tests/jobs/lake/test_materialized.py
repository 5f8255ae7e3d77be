from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.lake.materialized import materialized


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

"""Values that are others in each micro-batch, in columns."""

from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F


def per_batch(value: Any, number: Column) -> Column:
    """The value in every row. `number`: a column of numbers that are never negative.

    Spark writes a number or a time as it is into the code that it generates. With another one in each micro-batch,
    each has code of its own, which is compiled anew, by Spark and then by the JVM. An item of an array, at a place that
    only the rows know, is handed to code that stays the same.
    """
    return F.array(F.lit(value))[F.least(number, F.lit(0))]

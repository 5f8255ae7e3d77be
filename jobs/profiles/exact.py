"""Sums that are the same in whatever order their parts are added, so that a profile made again is the same profile."""

from pyspark.sql import Column
from pyspark.sql import functions as F

LARGEST = 99_999_999_999.0
"""What is more counts as so much."""


def exact(number: Column) -> Column:
    """The number to a millionth, as a decimal."""
    return F.greatest(F.least(number, F.lit(LARGEST)), F.lit(-LARGEST)).cast("decimal(18,6)")


def exact_sum(number: Column) -> Column:
    """Of exact numbers: their sum as a double."""
    return F.sum(number).cast("double")

"""Values that are others in each micro-batch, in SQL."""


def per_batch(value: str, number: str) -> str:
    """The value, a literal, in every row. `number`: a column of numbers that are never negative.

    Spark writes a number or a time as it is into the code that it generates. With another one in each micro-batch,
    each has code of its own, which is compiled anew, by Spark and then by the JVM. An item of an array, at a place that
    only the rows know, is handed to code that stays the same.
    """
    return f"array({value})[least({number}, 0)]"

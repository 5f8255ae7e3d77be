"""als_fit: our fit against `implicit` with exact Cholesky. topn: our ranking against MLlib's recommendForAllUsers.

Both on the real shop's pairs of household and product, weight = baskets with the product.
"""

from functools import cache
from typing import Any

import pandas as pd
from implicit.als import AlternatingLeastSquares
from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from jobs.lake.lake import Lake
from jobs.local.shop import journey
from models import als, ranking
from models.params import AlsParams
from tests.bench.clock import median_seconds, result

RANK, ITERATIONS, N = 64, 10, 50


@cache
def pairs() -> pd.DataFrame:
    """One row per household and product: numbers from 0 in `person` and `item`, and the baskets as `weight`."""
    lines = journey.read().lines
    weighed = lines.groupby(["household_id", "product_id"]).size().rename("weight").astype(float).reset_index()
    for name, source in (("person", "household_id"), ("item", "product_id")):
        weighed[name] = weighed[source].astype("category").cat.codes
    return weighed


def ratings(lake: Lake) -> DataFrame:
    frame = lake.spark.createDataFrame(pairs()[["person", "item", "weight"]])
    return frame.select(
        F.col("person").cast("string").alias("person_id"),
        F.col("item").cast("string").alias("item_id"),
        "weight",
    ).persist()


def als_fit(lake: Lake) -> dict[str, Any]:
    rated = ratings(lake)
    n = rated.count()
    params = AlsParams(rank=RANK, iterations=ITERATIONS, reg=0.1, alpha=1.0, min_people=1)

    def ours() -> None:
        model = als.fit(rated, params)
        model.person_factors.count(), model.item_factors.count()

    table = pairs()
    matrix = csr_matrix((table["weight"], (table["person"], table["item"])))

    def theirs() -> None:
        model = AlternatingLeastSquares(
            factors=RANK,
            iterations=ITERATIONS,
            regularization=0.1,
            alpha=1.0,
            use_cg=False,
            num_threads=2,
            random_state=7,
        )
        # Its own threads, one for each core; BLAS threads beside them would fight for the cores.
        with threadpool_limits(1, "blas"):
            model.fit(matrix, show_progress=False)

    mine, yardstick = median_seconds(ours, 1), median_seconds(theirs, 3)
    return result(mine, "s", "implicit, exact Cholesky, 2 threads", yardstick, n, rank=RANK, iterations=ITERATIONS)


def topn(lake: Lake) -> dict[str, Any]:
    fitted = _mllib(ratings(lake))
    person = fitted.userFactors.select(
        F.col("id").cast("string").alias("person_id"), F.col("features").alias("factors")
    )
    item = fitted.itemFactors.select(F.col("id").cast("string").alias("item_id"), F.col("features").alias("factors"))
    people = person.persist().count()
    items = item.persist().count()

    def ours() -> None:
        ranking.top_n(person, item, N).write.format("noop").mode("overwrite").save()

    def theirs() -> None:
        fitted.recommendForAllUsers(N).write.format("noop").mode("overwrite").save()

    mine, yardstick = median_seconds(ours), median_seconds(theirs, 1)
    return result(
        people / mine,
        "people/s",
        "MLlib recommendForAllUsers, same factors",
        people / yardstick,
        people,
        items=items,
        rank=RANK,
        top=N,
    )


def _mllib(rated: DataFrame) -> ALSModel:
    numbered = rated.select(F.col("person_id").cast("int"), F.col("item_id").cast("int"), "weight")
    return ALS(
        userCol="person_id",
        itemCol="item_id",
        ratingCol="weight",
        implicitPrefs=True,
        rank=RANK,
        maxIter=2,
        seed=7,
    ).fit(numbered)

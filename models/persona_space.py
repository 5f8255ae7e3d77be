"""The space personas are found in: features cut at a cap, log1p, standardised, then turned onto principal
axes.

Everything learned is plain numbers, so the same turn is made again from JSON, next month or in another job.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.ml.functions import array_to_vector
from pyspark.ml.stat import Correlation
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from models.errors import ModelError, TooLittleData


class SpaceError(ModelError):
    """These features span no space; the message says why."""


@dataclass(frozen=True)
class Space:
    """`columns`, and for each of them the cap in its own unit and the mean and standard deviation of
    log1p(least(x, cap)). `axes[j]` is how component j weighs the standardised columns, strongest first.
    `correlation[i][j]` is that of columns i and j.
    """

    columns: tuple[str, ...]
    caps: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]
    correlation: tuple[tuple[float, ...], ...]


def learn(features: DataFrame, columns: Sequence[str], winsor: float, variance: float) -> Space:
    """Learn the space of `columns`, all >= 0, keeping as many axes as explain `variance` of it (0 to 1).

    A column that is constant once cut at its `winsor` quantile says nothing and is left out: so is one that
    is 0 for nearly everybody. Raises SpaceError on null, NaN, infinite or negative values, TooLittleData when nothing
    varies.
    """
    caps = _caps(features, columns, winsor)
    moments = [f(_log(name, cap)) for name, cap in caps.items() for f in (F.avg, F.stddev_samp)]
    statistics = list(features.agg(*moments).first() or ())
    varying = {
        name: (cap, mean, scale)
        for (name, cap), mean, scale in zip(caps.items(), statistics[::2], statistics[1::2], strict=True)
        if scale is not None and scale > 1e-9
    }
    if not varying:
        raise TooLittleData("no feature varies between people: there is nothing to group by")
    names = tuple(varying)
    cap, mean, scale = (tuple(float(value[i]) for value in varying.values()) for i in range(3))
    flat = Space(names, cap, mean, scale, axes=(), correlation=())
    vectors = features.select(array_to_vector(standardised(flat)).alias("x"))
    matrix = Correlation.corr(vectors, "x").collect()[0][0].toArray()
    correlation = tuple(tuple(float(value) for value in row) for row in matrix)
    return Space(names, cap, mean, scale, _axes(matrix, variance), correlation)


def standardised(space: Space) -> Column:
    """array<double>: how many standard deviations each column of the space lies above its mean, in their
    order.
    """
    values = zip(space.columns, space.caps, space.means, space.scales, strict=True)
    return F.array(*((_log(name, cap) - F.lit(mean)) / F.lit(scale) for name, cap, mean, scale in values))


def turned(space: Space, features: DataFrame) -> DataFrame:
    """Rows (person_id, components array<double>), one per row of `features`."""
    standard = features.select("person_id", standardised(space).alias("x"))
    return standard.mapInArrow(_turner(space.axes), "person_id string, components array<double>")


def _caps(features: DataFrame, columns: Sequence[str], winsor: float) -> dict[str, float]:
    value = {name: F.col(f"`{name}`").cast("double") for name in columns}
    usable = [
        F.count_if(value[name].isNotNull() & (value[name] >= 0) & (value[name] < F.lit(float("inf"))))
        for name in columns
    ]
    caps = [F.percentile(value[name], F.lit(winsor)) for name in columns]
    rows, *numbers = features.agg(F.count("*"), *usable, *caps).first() or (0,)
    if rows == 0:
        raise TooLittleData("no rows: there is nobody to group")
    counts = numbers[: len(columns)]
    bad = [f"{name} in {rows - count} rows" for name, count in zip(columns, counts, strict=True) if count < rows]
    if bad:
        raise SpaceError(f"null, NaN, infinite or negative values: {', '.join(bad)}; of {rows} rows")
    return dict(zip(columns, numbers[len(columns) :], strict=True))


def _log(name: str, cap: float) -> Column:
    return F.log1p(F.least(F.col(f"`{name}`").cast("double"), F.lit(cap)))


def _axes(correlation: np.ndarray, variance: float) -> tuple[tuple[float, ...], ...]:
    """Eigenvectors of the correlation matrix: principal axes of standardised data. Signs are fixed, so that
    two fits give the same numbers.
    """
    values, vectors = np.linalg.eigh(correlation)
    order = np.argsort(-values, kind="stable")
    values, vectors = np.clip(values[order], 0, None), vectors[:, order].T
    explained = np.cumsum(values) / values.sum()
    count = int(np.searchsorted(explained, variance - 1e-12)) + 1
    leading = vectors[: min(count, len(values))]
    signs = np.sign(leading[np.arange(len(leading)), np.abs(leading).argmax(axis=1)])
    return tuple(tuple(float(weight) for weight in axis) for axis in leading * signs[:, None])


def _turner(
    axes: tuple[tuple[float, ...], ...],
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Nested and importing what it needs, so executors need nothing of this package."""

    def turn(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import numpy as np
        import pyarrow as pa

        weights = np.array(axes).T
        for batch in batches:
            rows = batch.column("x").flatten().to_numpy(zero_copy_only=False).reshape(-1, weights.shape[0])
            flat = pa.array((rows @ weights).ravel())
            components = pa.FixedSizeListArray.from_arrays(flat, weights.shape[1]).cast(pa.list_(pa.float64()))
            yield pa.RecordBatch.from_arrays([batch.column("person_id"), components], names=["person_id", "components"])

    return turn

"""The space personas are found in: logarithms of features cut at a cap, scaled, then turned onto principal axes.

Two ways to scale: `robust`, less the median and divided by the interquartile range, and `standard`, less the mean and
divided by the standard deviation. models/README.md has the figures that decided for the first, and for the logarithm.

Everything learned is plain numbers, so the same turn is made again from JSON, next month or in another job.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.ml.functions import array_to_vector
from pyspark.ml.stat import Correlation
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from models.errors import ModelError, TooLittleData

STANDARD, ROBUST = "standard", "robust"
NORMAL_IQR = 1.349
"""Standard deviations between the quartiles of a normal distribution: a robust scale is divided by it."""


class SpaceError(ModelError):
    """These features span no space; the message says why."""


@dataclass(frozen=True)
class Space:
    """`columns`, and for each of them the cap in its own unit, what is taken away from log1p(least(x, cap)), and what
    that is divided by. `axes[j]` is how component j weighs the scaled columns, strongest first. `correlation[i][j]` is
    that of columns i and j.
    """

    columns: tuple[str, ...]
    caps: tuple[float, ...]
    locations: tuple[float, ...]
    scales: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]
    correlation: tuple[tuple[float, ...], ...]


class _Measured(NamedTuple):
    """Of one column. `deviation` is None where there is but one row."""

    mean: float
    deviation: float
    quartiles: tuple[float, float, float]


def learn(features: DataFrame, columns: Sequence[str], winsor: float, variance: float, scaling: str = ROBUST) -> Space:
    """Learn the space of `columns`, all >= 0, keeping as many axes as explain `variance` of it (0 to 1).

    A column that is constant once cut at its `winsor` quantile says nothing and is left out: so is one that
    is 0 for nearly everybody. Raises SpaceError on null, NaN, infinite or negative values, TooLittleData when nothing
    varies.
    """
    caps = _caps(features, columns, winsor)
    measured = _measured(features, {name: _log(name, cap) for name, cap in caps.items()})
    varying = {
        name: (caps[name], *_location_and_scale(one, scaling))
        for name, one in measured.items()
        if one.deviation is not None and one.deviation > 1e-9
    }
    if not varying:
        raise TooLittleData("no feature varies between people: there is nothing to group by")
    names = tuple(varying)
    cap, location, scale = (tuple(float(value[i]) for value in varying.values()) for i in range(3))
    flat = Space(names, cap, location, scale, axes=(), correlation=())
    vectors = features.select(array_to_vector(scaled(flat)).alias("x"))
    matrix = Correlation.corr(vectors, "x").collect()[0][0].toArray()
    correlation = tuple(tuple(float(value) for value in row) for row in matrix)
    spread = np.array([measured[name].deviation for name in names]) / np.array(scale)
    return Space(names, cap, location, scale, _axes(matrix * np.outer(spread, spread), variance), correlation)


def scaled(space: Space) -> Column:
    """array<double>: how far each column of the space lies above its location, in scales, in their order."""
    values = zip(space.columns, space.caps, space.locations, space.scales, strict=True)
    return F.array(*((_log(name, cap) - F.lit(location)) / F.lit(scale) for name, cap, location, scale in values))


def turned(space: Space, features: DataFrame) -> DataFrame:
    """Rows (person_id, components array<double>), one per row of `features`."""
    rows = features.select("person_id", scaled(space).alias("x"))
    return rows.mapInArrow(_turner(space.axes), "person_id string, components array<double>")


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


def _measured(features: DataFrame, values: Mapping[str, Column]) -> dict[str, _Measured]:
    """Of each value its mean, standard deviation and quartiles."""
    quartiles = F.array(F.lit(0.25), F.lit(0.5), F.lit(0.75))
    figures = [f for one in values.values() for f in (F.avg(one), F.stddev_samp(one), F.percentile(one, quartiles))]
    row = list(features.agg(*figures).first() or ())
    return {name: _Measured(*row[3 * i : 3 * i + 3]) for i, name in enumerate(values)}


def _location_and_scale(measured: _Measured, scaling: str) -> tuple[float, float]:
    """Where the quartiles are one, as of a category that most people buy nothing of, the standard deviation scales."""
    if scaling == STANDARD:
        return measured.mean, measured.deviation
    lower, median, upper = measured.quartiles
    return median, (upper - lower) / NORMAL_IQR if upper - lower > 1e-9 else measured.deviation


def _log(name: str, cap: float) -> Column:
    return F.log1p(F.least(F.col(f"`{name}`").cast("double"), F.lit(cap)))


def _axes(covariance: np.ndarray, variance: float) -> tuple[tuple[float, ...], ...]:
    """Eigenvectors of the covariance matrix of what is scaled: its principal axes. Signs are fixed, so that
    two fits give the same numbers.
    """
    values, vectors = np.linalg.eigh(covariance)
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

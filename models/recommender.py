"""What every recommender says of itself: the common verbs by which it is fitted, asked, kept and judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


class TopN(Protocol):
    """`(model, people, n, seen, items)` -> rows (person_id, rank, item_id, score).

    Up to n items for each row of `people` (person_id). With `seen` (person_id, item_id) only items new to the person;
    with `items` (item_id) only those.
    """

    def __call__(
        self,
        model: Any,
        people: DataFrame,
        n: int,
        seen: DataFrame | None = None,
        items: DataFrame | None = None,
    ) -> DataFrame: ...


def why(key: str, **values: Column) -> Column:
    """Why an item is on a list, as a struct: `reason`, a key that a shop has a text for, and `reason_values`, what that
    text needs, as text by name."""
    named = F.create_map(*[part for name, value in values.items() for part in (F.lit(name), value.cast("string"))])
    return F.struct(F.lit(key).alias("reason"), named.cast("map<string, string>").alias("reason_values"))


def no_people(model: Any) -> None:
    """Of a recommender that has a list for everybody."""


@dataclass(frozen=True)
class Kept:
    """What is saved of a fitted model. `as_frames(model)`: its frames by the table of the lake that takes them, in the
    columns of that table but `run_id`; `from_frames(frames)`: the model again, of those of one run."""

    tables: tuple[str, ...]
    as_frames: Callable[[Any], Mapping[str, DataFrame]]
    from_frames: Callable[[Mapping[str, DataFrame]], Any]


@dataclass(frozen=True)
class Recommender:
    """One recommender, declared once, at the end of its file.

    `fit(ratings, params)`: from rows of gold.ratings and the value that the settings carry under the recommender's
    name, None where it has no parameters. `reason()`: why an item is on its list (see `why`), as a column of the list's
    `score`. `people_of(model)`: rows (person_id) of those it has a list for, None for everybody. `kept`: how its frames
    are saved; None for a recommender that is fitted anew wherever it is asked.
    """

    name: str
    fit: Callable[[DataFrame, Any], Any]
    top_n: TopN
    reason: Callable[[], Column]
    people_of: Callable[[Any], DataFrame | None] = no_people
    kept: Kept | None = None

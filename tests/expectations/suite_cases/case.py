"""What the cases of every layer are made of."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

AT = datetime(2017, 3, 1, 10, 5, tzinfo=UTC)
LATER = datetime(2017, 3, 1, 11, 5, tzinfo=UTC)
BEFORE_2000 = datetime(1999, 12, 31, 23, 0, tzinfo=UTC)
DAY = date(2017, 3, 1)
INFINITE, NOT_A_NUMBER = float("inf"), float("nan")

BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
NOT_NULL = "expect_column_values_to_not_be_null"
RULE = "expect_rows_to_satisfy"
UNIQUE = "expect_key_to_be_unique"


@dataclass(frozen=True)
class Broken:
    """A change to the good row, and the expectations it breaks: (expectation, column or part of the rule)."""

    reason: str
    change: dict[str, Any]
    breaks: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Case:
    """`key`: columns that are made different in every row. `nothing`: columns that must not be null. `nullable`: those
    of the table's key that may be."""

    good: dict[str, Any]
    key: tuple[str, ...]
    nothing: tuple[str, ...]
    broken: tuple[Broken, ...] = field(default=())
    nullable: tuple[str, ...] = ()


def least(column: str, value: float, **change: Any) -> Broken:
    return Broken(f"{column} too small", {column: value, **change}, ((BETWEEN, column),))


def rule(reason: str, part: str, **change: Any) -> Broken:
    return Broken(reason, change, ((RULE, part),))


def not_finite(column: str, *breaks: tuple[str, str], **change: Any) -> tuple[Broken, ...]:
    return tuple(
        Broken(f"{column} is {value}", {column: value, **change}, ((BETWEEN, column), *breaks))
        for value in (INFINITE, NOT_A_NUMBER)
    )


def history_of(key: str) -> Case:
    return Case(
        {key: "900", "valid_from": AT},
        (key,),
        (),
        (rule("over before it began", "valid_to", valid_to=BEFORE_2000), rule("over at once", "valid_to", valid_to=AT)),
    )

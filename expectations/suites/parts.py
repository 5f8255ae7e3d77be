"""What suites are made of: expectations that several tables share."""

import sys

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.custom_expectations import ExpectKeyToBeUnique, ExpectRowsToSatisfy
from expectations.event_time import FIRST_DAY

Expectations = list[Expectation]

LARGEST = sys.float_info.max  # Spark orders infinity and NaN above it, so a maximum also refuses those two


def grain(*key: str, may_be_null: tuple[str, ...] = ()) -> Expectations:
    return [ExpectKeyToBeUnique(key=list(key)), *required(*[column for column in key if column not in may_be_null])]


def required(*columns: str) -> Expectations:
    return [gxe.ExpectColumnValuesToNotBeNull(column=column) for column in columns]


def least(column: str, value: float) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=value, max_value=LARGEST)


def above(column: str, value: float) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=value, strict_min=True, max_value=LARGEST)


def finite(column: str) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=-LARGEST, max_value=LARGEST)


def since_2000(*columns: str) -> Expectations:
    return [gxe.ExpectColumnValuesToBeBetween(column=column, min_value=FIRST_DAY) for column in columns]


def one_of(column: str, values: tuple[str | int, ...]) -> Expectation:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values))


def row(rule: str) -> Expectation:
    return ExpectRowsToSatisfy(rule=rule)

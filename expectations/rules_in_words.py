"""What an expectation of a suite asks for, as a sentence."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from expectations.suites.parts import LARGEST

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def in_words(expectation: "Expectation") -> str:
    """The rule as people read it. Raises NotImplementedError for an expectation that no suite had before."""
    arguments = expectation.configuration.kwargs
    column = arguments.get("column")
    match expectation.expectation_type:
        case "expect_columns_to_be":
            return f"the columns are these, in this order: {', '.join(arguments['columns'])}"
        case "expect_key_to_be_unique":
            key = arguments["key"]
            return f"no two rows have the same {_listed(key)}"
        case "expect_rows_to_satisfy":
            return f"every row satisfies: {arguments['rule']}"
        case "expect_column_values_to_not_be_null":
            return f"{column} is never null"
        case "expect_column_values_to_be_in_set":
            return f"{column} is one of: {', '.join(map(str, arguments['value_set']))}"
        case "expect_column_values_to_be_between":
            return f"{column} is {_limits(arguments)}"
        case "expect_column_unique_value_count_to_be_between":
            return f"the number of different values of {column} is {_limits(arguments)}"
        case "expect_table_row_count_to_be_between":
            return f"the number of rows is {_limits(arguments)}"
    raise NotImplementedError(f"no words for {expectation.expectation_type}; they belong here")


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _limits(arguments: dict[str, Any]) -> str:
    least, most = arguments.get("min_value"), arguments.get("max_value")
    limits = []
    if least is not None and least != -LARGEST:
        limits.append(f"{'more than' if arguments.get('strict_min') else 'at least'} {_value(least)}")
    if most is not None and most != LARGEST:
        limits.append(f"{'less than' if arguments.get('strict_max') else 'at most'} {_value(most)}")
    if most == LARGEST:
        limits.append("finite")
    return " and ".join(limits)


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"

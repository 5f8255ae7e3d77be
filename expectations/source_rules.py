"""What is wrong with a row of a batch source: its contract compiled into reasons, as the event contract is."""

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from expectations.rules import rules_of_field
from expectations.source_contract import SourceContract

UNREADABLE = "_unreadable"
# Also what stands for bytes that are not UTF-8, and the line breaks that a quote never closed would swallow.
CONTROL = r"[\x00-\x1f\x7f\uFFFD]"


def with_reasons(contract: SourceContract) -> Callable[[DataFrame], DataFrame]:
    """Adds `reasons`: every rule that a row breaks, as `field: what is wrong`, never a value; empty when it is good.

    Needs the contract's fields as text, and `_unreadable`: the text of a row that could not be parsed, else null.
    Of rows with one key all are broken: nothing says which is meant.
    """

    def transform(frame: DataFrame) -> DataFrame:
        same_key = Window.partitionBy(contract.key).rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
        # What was read of a row that could not be parsed may stand in the wrong columns.
        key = F.when(F.col(UNREADABLE).isNull(), F.col(contract.key))
        counted = frame.withColumn("_same_key", F.count(key).over(same_key))
        repeated = F.when(F.col("_same_key") > 1, F.lit(f"{contract.key}: not unique in the source"))
        broken = F.array_compact(F.array(*_reasons(contract), repeated))
        reasons = F.when(F.col(UNREADABLE).isNotNull(), F.array(F.lit("row: unreadable"))).otherwise(broken)
        return counted.withColumn("reasons", reasons).drop("_same_key")

    return transform


def _reasons(contract: SourceContract) -> list[Column]:
    reasons = []
    for field in contract.fields:
        column = F.col(field.name)
        reasons += [why for rule in rules_of_field(field, column) for why in rule.reasons]
        reasons.append(F.when(column.rlike(CONTROL), F.lit(f"{field.name}: control characters, or not UTF-8")))
    return [*reasons, F.when(_is_padded(F.col(contract.key)), F.lit(f"{contract.key}: blank, or blanks around it"))]


def _is_padded(key: Column) -> Column:
    """Blanks are also those that are not ASCII's, and what nobody sees: either would be another customer."""
    return key.rlike(r"^[\s\p{Z}\p{Cf}]|[\s\p{Z}\p{Cf}]$")

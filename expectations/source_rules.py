"""What is wrong with a row of a batch source: its contract compiled into reasons, as the event contract is."""

from collections.abc import Callable, Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from expectations.limits import with_end
from expectations.nodes import ContractError, Field, Text
from expectations.source_contract import ATTRIBUTES, AttributeType, SourceContract

UNREADABLE = "_unreadable"
# Also what stands for bytes that are not UTF-8, and the line breaks that a quote never closed would swallow.
CONTROL = r"[\x00-\x1f\x7f\uFFFD]"
CONTROL_BUT_LINES = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\uFFFD]"
NUMBER = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?\z"
LONGEST_ATTRIBUTE = 10_000


def with_reasons(
    contract: SourceContract, types: Mapping[str, AttributeType] | None = None
) -> Callable[[DataFrame], DataFrame]:
    """Adds `reasons`: every rule that a row breaks, as `field: what is wrong`, never a value; empty when it is good.

    Needs the contract's columns, and `_unreadable`: the text of a row that could not be parsed, else null. `types`:
    attribute -> what its text must be. Of rows with one key all are broken: nothing says which is meant.
    """

    def transform(frame: DataFrame) -> DataFrame:
        same_key = Window.partitionBy(contract.key).rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
        # What was read of a row that could not be parsed may stand in the wrong columns.
        key = F.when(F.col(UNREADABLE).isNull(), F.col(contract.key))
        counted = frame.withColumn("_same_key", F.count(key).over(same_key))
        repeated = F.when(F.col("_same_key") > 1, F.lit(f"{contract.key}: not unique in the source"))
        reasons = [*_reasons_of_fields(contract), *_reasons_of_attributes(types or {}), repeated]
        broken = F.array_compact(F.array(*reasons))
        all_reasons = F.when(F.col(UNREADABLE).isNotNull(), F.array(F.lit("row: unreadable"))).otherwise(broken)
        return counted.withColumn("reasons", all_reasons).drop("_same_key")

    return transform


def _reasons_of_fields(contract: SourceContract) -> list[Column]:
    reasons = []
    for field in contract.fields:
        column = F.col(field.name)
        reasons.append(_over_limits(field, column))
        control = CONTROL_BUT_LINES if field.name in contract.with_lines else CONTROL
        reasons.append(F.when(column.rlike(control), F.lit(f"{field.name}: control characters, or not UTF-8")))
        if field.name in contract.types:
            reasons.append(_unlike(field.name, column, contract.types[field.name]))
    return [*reasons, F.when(_is_padded(F.col(contract.key)), F.lit(f"{contract.key}: blank, or blanks around it"))]


def _over_limits(field: Field, text: Column) -> Column:
    """The first limit of the contract that a text breaks; null where it breaks none."""
    reason = F.when(text.isNull() if field.is_required else F.lit(False), f"{field.name}: missing")
    match field.node:
        case Text(values, least, most, pattern, is_moment=False, is_id=False):
            cases = [
                (None if not values else ~text.isin(list(values)), "not one of " + ", ".join(values)),
                (None if least is None else F.char_length(text) < least, f"shorter than {least}"),
                (None if most is None else F.char_length(text) > most, f"longer than {most}"),
                (None if pattern is None else ~text.rlike(with_end(pattern, r"\z")), f"not of the form {pattern}"),
            ]
        case _:
            raise ContractError(f"{field.name}: a field of a source is a text, no moment and no event's id")
    for is_broken, what in cases:
        reason = reason if is_broken is None else reason.when(is_broken, f"{field.name}: {what}")
    return reason


def _reasons_of_attributes(types: Mapping[str, AttributeType]) -> list[Column]:
    attributes = F.col(ATTRIBUTES)
    texts = F.map_values(attributes)
    has_control = F.exists(texts, lambda text: text.rlike(CONTROL_BUT_LINES))
    is_long = F.exists(texts, lambda text: F.char_length(text) > LONGEST_ATTRIBUTE)
    return [
        F.when(has_control, F.lit(f"{ATTRIBUTES}: control characters, or not UTF-8")),
        F.when(is_long, F.lit(f"{ATTRIBUTES}: longer than {LONGEST_ATTRIBUTE}")),
        *[_unlike(f"{ATTRIBUTES}.{name}", F.try_element_at(attributes, F.lit(name)), of) for name, of in types.items()],
    ]


def _unlike(path: str, text: Column, type_: AttributeType) -> Column:
    """The reason of a text that is not of the type; null also where there is none."""
    match type_:
        case "number":
            is_one = text.rlike(NUMBER) & (F.abs(text.try_cast("double")) < float("inf"))
        case "boolean":
            is_one = text.try_cast("boolean").isNotNull()
        case "date":
            is_one = text.rlike(DATE) & text.try_cast("timestamp").isNotNull()
        case "text":
            is_one = F.lit(True)
    return F.when(text.isNotNull() & ~is_one, F.lit(f"{path}: no {type_}"))


def _is_padded(key: Column) -> Column:
    """Blanks are also those that are not ASCII's, and what nobody sees: either would be another customer."""
    return key.rlike(r"^[\s\p{Z}\p{Cf}]|[\s\p{Z}\p{Cf}]$")

"""The Spark types that a contract's nodes amount to: of what is parsed, and of the lake's columns."""

from collections.abc import Iterable

from pyspark.sql import types as T

from expectations.nodes import Array, Boolean, ContractError, Map, Node, Number, Object, Text

INT = 2**31
WIDER: dict[str, set[str]] = {"int": {"bigint", "double"}}
"""What a column can be widened to without a loss, of the types that a contract amounts to."""


def column_type(node: Node) -> T.DataType:
    """The type of a column for valid values. A whole number is an int where its limits say so: it can be widened."""
    match node:
        case Text():
            return T.StringType()
        case Boolean():
            return T.BooleanType()
        case Map():
            return T.MapType(T.StringType(), T.StringType())
        case Array():
            return T.ArrayType(column_type(node.items))
        case Object():
            return struct({field.name: column_type(field.node) for field in node.fields})
        case Number(is_whole=False):
            return T.DoubleType()
    least, most = node.minimum, node.maximum
    is_small = least is not None and most is not None and least >= -INT and most < INT
    return T.IntegerType() if is_small else T.LongType()


def parsed_type(type_: T.DataType) -> T.DataType:
    """The type to parse messages to for a column of that type: it holds what is beyond the limits too, so that it can
    be judged."""
    match type_:
        case T.IntegerType():
            return T.LongType()
        case T.ArrayType():
            return T.ArrayType(parsed_type(type_.elementType))
        case T.StructType():
            return struct({field.name: parsed_type(field.dataType) for field in type_.fields})
    return type_


def merged(named: Iterable[tuple[str, T.DataType, str]]) -> dict[str, T.DataType]:
    """One type by name, wide enough for all of that name; the third of each says where it is from.

    Raises ContractError where there is no such type.
    """
    types: dict[str, T.DataType] = {}
    for name, type_, where in named:
        types[name] = _wide_enough(types.get(name, type_), type_, where)
    return types


def ddl(type_: T.DataType) -> str:
    """The type as Spark's SQL wants it, names quoted."""
    match type_:
        case T.StructType():
            return f"struct<{', '.join(f'`{field.name}`: {ddl(field.dataType)}' for field in type_.fields)}>"
        case T.ArrayType():
            return f"array<{ddl(type_.elementType)}>"
    return type_.simpleString()


def struct(fields: dict[str, T.DataType]) -> T.StructType:
    return T.StructType([T.StructField(name, type_) for name, type_ in fields.items()])


def _wide_enough(one: T.DataType, other: T.DataType, where: str) -> T.DataType:
    if isinstance(one, T.StructType) and isinstance(other, T.StructType):
        fields = [(field.name, field.dataType, f"{where}.{field.name}") for field in (*one.fields, *other.fields)]
        return struct(merged(fields))
    if isinstance(one, T.ArrayType) and isinstance(other, T.ArrayType):
        return T.ArrayType(_wide_enough(one.elementType, other.elementType, f"{where}[]"))
    if one == other or one.simpleString() in WIDER.get(other.simpleString(), ()):
        return one
    if other.simpleString() in WIDER.get(one.simpleString(), ()):
        return other
    raise ContractError(f"{where} is {ddl(other)} here and {ddl(one)} in another event type or version")

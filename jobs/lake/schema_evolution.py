"""The type of a table's column after rows of a wider or another type came: what it had stays, by name."""

from pyspark.sql import types as T

from expectations.contract import WIDER


def widened(own: T.StructType, new: T.StructType) -> T.StructType:
    """`own` with the fields that `new` has besides, at every depth, and each number as wide as the wider of the two.

    A field that is another thing in `new` stays as `own` has it: writing the rows then fails and says so.
    """
    brought = {field.name: field.dataType for field in new}
    kept = [T.StructField(f.name, _widened(f.dataType, brought.pop(f.name, f.dataType)), True, f.metadata) for f in own]
    return T.StructType([*kept, *[T.StructField(name, type_, True) for name, type_ in brought.items()]])


def _widened(own: T.DataType, new: T.DataType) -> T.DataType:
    if isinstance(own, T.StructType) and isinstance(new, T.StructType):
        return widened(own, new)
    if isinstance(own, T.ArrayType) and isinstance(new, T.ArrayType):
        return T.ArrayType(_widened(own.elementType, new.elementType), True)
    return new if new.simpleString() in WIDER.get(own.simpleString(), ()) else own

"""A table's columns beside those that a release, a contract or a frame has: what to add, and what cannot be mended."""

import functools
from collections.abc import Iterator

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from expectations.schemas import TABLES
from expectations.spark_types import WIDER, ddl
from jobs.errors import OperatorError


def widened(own: T.StructType, new: T.StructType) -> T.StructType:
    """`own` with the fields that `new` has besides, at every depth, and each number as wide as the wider of the two.

    A field that is another thing in `new` stays as `own` has it: writing the rows then fails and says so.
    """
    brought = {field.name: field.dataType for field in new}
    fields = [
        T.StructField(f.name, _widened(f.dataType, brought.pop(f.name, f.dataType)), True, f.metadata) for f in own
    ]
    return T.StructType([*fields, *[T.StructField(name, type_, True) for name, type_ in brought.items()]])


def widened_field(own: T.DataType, target: T.DataType) -> str | None:
    """The path of the first number that is wider in `target`, `own` widened; None: it has new fields at most."""
    return _unlike(own, target, "")


@functools.cache
def declared(name: str) -> T.StructType:
    """The columns that this release's table has."""
    schema = T.StructType.fromDDL(TABLES[name].ddl)
    assert isinstance(schema, T.StructType)
    return schema


def missing(own: T.StructType, name: str) -> dict[str, str]:
    """What table `name` has in this release and `own` lacks: column, or path of a field, to its type."""
    return dict(_missing(own, declared(name), ""))


def difference(own: T.StructType, name: str) -> str | None:
    """What keeps rows with the columns `own` from being read as table `name`, but for what they lack; None: nothing."""
    table, types = TABLES[name], {field.name: field.dataType for field in declared(name)}
    former = {old: new for new, old in table.renamed.items()}
    for field in own:
        column = former.get(field.name, field.name)
        if column not in types:
            return f"has the column {field.name}, which this release does not have"
        if column not in table.grows and (path := _unlike(field.dataType, types[column], column)):
            return f"has {path} as {ddl(field.dataType)}, this release as {ddl(types[column])}"
    return None


def check_columns(own: T.StructType, name: str) -> None:
    """Raises OperatorError where the table was built by a release whose columns are others; it says what mends it."""
    if (what := difference(own, name)) is not None:
        command = TABLES[name].mended_by
        mend = f"make it anew with: {command} {name}" if command else "read it with the release that made it"
        raise OperatorError(f"table {name} was made by another release: it {what}; {mend}")


def conformed(frame: DataFrame, name: str) -> DataFrame:
    """The frame with exactly the table's columns, in order, in their types."""
    table = TABLES[name]
    # As text: made one by one, the columns of silver.events are two hundred calls into the JVM.
    return frame.selectExpr(
        *[
            f"`{column}`" if column in table.grows else f"CAST(`{column}` AS {type_}) AS `{column}`"
            for column, type_ in table.types.items()
        ]
    )


def presented(frame: DataFrame, name: str) -> DataFrame:
    """The frame in the columns of this release: under their present names, null where it has none."""
    own = frame.schema
    check_columns(own, name)
    table = TABLES[name]
    if own.names == [*table.names]:
        return frame
    columns = []
    for column, type_ in table.types.items():
        names = [F.col(one) for one in (column, table.renamed.get(column, "")) if one in own.names]
        value = F.coalesce(*names) if len(names) > 1 else next(iter(names), F.lit(None).cast(type_))
        columns.append(value.alias(column))
    return frame.select(*columns)


def _missing(own: T.DataType, type_: T.DataType, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(own, T.StructType) and isinstance(type_, T.StructType):
        types = {field.name: field.dataType for field in own}
        for field in type_:
            if field.name not in types:
                yield f"{path}{field.name}", ddl(field.dataType)
            else:
                yield from _missing(types[field.name], field.dataType, f"{path}{field.name}.")
    if isinstance(own, T.ArrayType) and isinstance(type_, T.ArrayType):
        yield from _missing(own.elementType, type_.elementType, f"{path}element.")


def _unlike(own: T.DataType, declared_type: T.DataType, path: str) -> str | None:
    """The path of the first field that is of another type, or that is not there any more."""
    if isinstance(own, T.StructType) and isinstance(declared_type, T.StructType):
        types = {field.name: field.dataType for field in declared_type}
        for field in own:
            below = f"{path}.{field.name}" if path else field.name
            unlike = below if field.name not in types else _unlike(field.dataType, types[field.name], below)
            if unlike is not None:
                return unlike
        return None
    if isinstance(own, T.ArrayType) and isinstance(declared_type, T.ArrayType):
        return _unlike(own.elementType, declared_type.elementType, path)
    return None if own.simpleString() == declared_type.simpleString() else path


def _widened(own: T.DataType, new: T.DataType) -> T.DataType:
    if isinstance(own, T.StructType) and isinstance(new, T.StructType):
        return widened(own, new)
    if isinstance(own, T.ArrayType) and isinstance(new, T.ArrayType):
        return T.ArrayType(_widened(own.elementType, new.elementType), True)
    return new if new.simpleString() in WIDER.get(own.simpleString(), ()) else own

"""A source's own columns as the standard fields: the settings say what each holds, all others are attributes.

A column called like a standard field is that field, unless another is said to be. Of several columns that hold one
field, a title is made of all, categories are one path of all, and of the others the first that is not empty counts.
"""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from expectations.source_contract import ATTRIBUTES, SourceContract
from jobs.errors import OperatorError
from jobs.sources.source import Source

PATH = " > "
TEXTS = "map<string, string>"
IN_STOCK, OUT_OF_STOCK = "in_stock", "out_of_stock"
CURRENCY = r"(?:^\s*([A-Z]{3})\s*|\s*([A-Z]{3})\s*$)"  # as in 15.00 USD
OURS = ("_unreadable", "_file", "_changed")
"""Columns that the reading adds (see received.py and files.py)."""

OFFERED = 8
"""Of a source's columns, so many are named in an error before the rest is counted."""


def as_standard(frame: DataFrame, source: Source, contract: SourceContract) -> dict[str, Column]:
    """The contract's fields as text, and the attributes, made of the frame's columns.

    Raises OperatorError where the key or a column that the settings name is missing, or is of a type without one text.
    """
    own = own_columns(frame)
    columns_of = columns_by_field(own, source, contract)
    type_of = {field.name: field.dataType for field in frame.schema}
    _require_texts(columns_of, type_of, source, contract)
    texts = {name: [_text(one, type_of[one]) for one in columns_of.get(name, ())] for name in contract.names}
    fields = {name: _joined(name, of_field, is_key=name == contract.key) for name, of_field in texts.items()}
    if contract.key_else:
        fields[contract.key] = _key_or_else(fields[contract.key], fields[contract.key_else], contract.key_else)
    if "price" in fields and texts["price"]:
        fields |= _price_and_currency(fields["price"], fields["currency"])
    used = {column for columns in columns_of.values() for column in columns}
    left = [name for name in own if name not in source.columns and name not in used]
    _require_types(left, source)
    return {**fields, ATTRIBUTES: _attributes(left, type_of)}


def own_columns(frame: DataFrame) -> tuple[str, ...]:
    """The source's columns, without those that the reading adds."""
    return tuple(name for name in frame.columns if name not in OURS)


def columns_by_field(own: Sequence[str], source: Source, contract: SourceContract) -> dict[str, list[str]]:
    """Standard field -> the columns that hold it, in the order of the settings. Raises OperatorError for settings that
    name what is not there, and where no column holds the key."""
    columns: dict[str, list[str]] = {}
    for column, fields in source.columns.items():
        for field in fields:
            if field not in contract.names:
                raise OperatorError(
                    f"{source.setting}.columns: {column} cannot be {field}; the fields are: {', '.join(contract.names)}"
                )
            columns.setdefault(field, []).append(column)
    missing = [column for column, fields in source.columns.items() if fields and column not in own]
    if missing:
        raise OperatorError(
            f"{source.setting}.columns names {', '.join(missing)}, which {source.origin} lacks; {_has(own, source)}"
        )
    for name in contract.names:
        if name in own and name not in columns and name not in source.columns:
            columns[name] = [name]
    if contract.key not in columns and contract.key_else not in columns:
        raise OperatorError(
            f"{source.setting}: {source.origin} lacks the column {contract.key}; {_has(own, source)};"
            f' say which it is in [{source.setting}.columns], such as: id = "{contract.key}"'
        )
    return columns


def quoted(name: str) -> Column:
    """The column of that name, whatever stands in it."""
    return F.col(f"`{name.replace('`', '``')}`")


def _has(own: Sequence[str], source: Source) -> str:
    more = len(own) - OFFERED
    listed = ", ".join(own[:OFFERED]) + (f" and {more} more" if more > 0 else "")
    other = next((sign for sign in (";", "\t", "|", ",") if len(own) == 1 and sign in own[0]), None)
    hint = "" if other is None else f" (are they separated by {other!r}? set {source.setting}.delimiter)"
    return f"its columns are: {listed or 'none'}{hint}"


def _require_texts(
    columns_of: Mapping[str, list[str]], type_of: Mapping[str, T.DataType], source: Source, contract: SourceContract
) -> None:
    for field, columns in columns_of.items():
        for column in columns:
            kind = type_of[column]
            if isinstance(kind, T.BinaryType) or (field == contract.key and not _names_a_row(kind)):
                raise OperatorError(
                    f"{source.setting}: column {column} of {source.origin} is {kind.simpleString()}, which has no one"
                    " text; give it as text or as a whole number"
                )


def _names_a_row(kind: T.DataType) -> bool:
    """Text or a whole number: 5.0 and 5 would be two persons."""
    whole = isinstance(kind, T.IntegralType) or (isinstance(kind, T.DecimalType) and kind.scale == 0)
    return whole or isinstance(kind, T.StringType)


def _text(name: str, kind: T.DataType) -> Column:
    """A value as text; one of several parts as JSON, as it stands in JSON lines."""
    column = quoted(name)
    return column.cast("string") if isinstance(kind, T.AtomicType) else F.to_json(column)


def _joined(field: str, texts: Sequence[Column], is_key: bool) -> Column:
    if not texts:
        return F.lit(None).cast("string")
    if is_key:
        return F.coalesce(*texts)  # blanks are for the contract to refuse
    present = [_none_if_blank(text) for text in texts]
    match field:
        case "title":
            return _none_if_blank(F.concat_ws(", ", *present))
        case "categories":
            return _path(present)
        case "availability":
            return _availability(F.coalesce(*present))
    return F.coalesce(*present)


def _none_if_blank(text: Column) -> Column:
    return F.when(F.trim(text) != "", text)


def _path(texts: Sequence[Column]) -> Column:
    """`Shoes > Boots`, of texts with or without > between the parts, or of a JSON list."""
    parts = F.flatten(F.array(*[F.coalesce(_parts(text), F.array().cast("array<string>")) for text in texts]))
    trimmed = F.filter(F.transform(parts, lambda part: F.trim(part)), lambda part: part != "")
    return _none_if_blank(F.array_join(trimmed, PATH))


def _parts(text: Column) -> Column:
    listed = F.when(text.startswith("["), F.from_json(text, "array<string>"))
    return F.coalesce(listed, F.split(text, ">"))


def _availability(text: Column) -> Column:
    """Feeds write `in stock`, `In_Stock`, true, or how many there are."""
    code, number = F.lower(F.regexp_replace(F.trim(text), "[ _-]+", "_")), text.try_cast("double")
    return (
        F.when(number.isNotNull(), F.when(number > 0, IN_STOCK).otherwise(OUT_OF_STOCK))
        .when(code.isin("true", "yes", "instock", "available"), IN_STOCK)
        .when(code.isin("false", "no", "outofstock", "sold_out"), OUT_OF_STOCK)
        .otherwise(F.regexp_replace(code, "^(pre|back)_order$", "$1order"))
    )


def _key_or_else(key: Column, other: Column, name: str) -> Column:
    """`crm_id:K-17` for a row without a key; as the person whom only that identifier names is called."""
    return F.coalesce(_none_if_blank(key), F.concat(F.lit(f"{name}:"), other), key)


def _price_and_currency(price: Column, currency: Column) -> dict[str, Column]:
    """A feed may write the currency beside the price."""
    beside = F.coalesce(*[F.nullif(F.regexp_extract(price, CURRENCY, group), F.lit("")) for group in (1, 2)])
    return {
        "price": F.trim(F.regexp_replace(price, CURRENCY, "")),
        "currency": F.coalesce(F.upper(F.trim(currency)), beside),
    }


def _require_types(names: Sequence[str], source: Source) -> None:
    missing = [name for name in source.types if name not in names]
    if missing and ATTRIBUTES not in names:
        raise OperatorError(
            f"{source.setting}.types names {', '.join(missing)}, which is no attribute of {source.origin};"
            f" those are: {', '.join(names) or 'none'}"
        )


def _attributes(names: Sequence[str], type_of: Mapping[str, T.DataType]) -> Column:
    """The columns that are no standard field, as a map by their names, and the entries of one that is called
    attributes and holds an object; empty ones are not in it."""
    columns = [name for name in names if name != ATTRIBUTES and not isinstance(type_of[name], T.BinaryType)]
    pairs = [part for name in columns for part in (F.lit(name), _none_if_blank(_text(name, type_of[name])))]
    every = F.create_map(*pairs).cast(TEXTS)
    if ATTRIBUTES in names:
        listed = F.coalesce(F.from_json(_text(ATTRIBUTES, type_of[ATTRIBUTES]), TEXTS), F.create_map().cast(TEXTS))
        every = F.map_concat(every, F.map_filter(listed, lambda name, _: ~name.isin(columns)))
    return F.map_filter(every, lambda _, text: text.isNotNull())

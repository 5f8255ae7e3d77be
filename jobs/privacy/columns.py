"""Messages made safe to keep before they are written, and those that were encrypted read again."""

from collections.abc import Callable, Collection

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import MOST_BYTES, Contract
from expectations.identifiers import has_mark, is_direct_name, kind_of, may_name_in_words, may_name_someone
from jobs.privacy.encryption import opened, sealed
from jobs.privacy.message import Protection, safe, safe_key, safe_text

TEXTS = "map<string,string>"
KEPT = "struct<key: binary, value: binary, sealed_by: int>"


def as_safe(contract: Contract, protection: Protection) -> Callable[[DataFrame], DataFrame]:
    """Replaces `key` and `value` (binary) by what may be kept of them, and adds `sealed_by`: the version of the key
    that they are encrypted with where they could not be read, null for all others.

    Most messages name nobody. Those are told apart by their text, and never leave the JVM.
    """

    def transform(messages: DataFrame) -> DataFrame:
        text, key = F.col("value").cast("string"), F.col("key").cast("string")
        is_long = F.col("size_bytes") > MOST_BYTES
        names_someone = F.col("value").isNotNull() & (is_long | may_name_someone(text, contract))
        names_someone |= F.coalesce(has_mark(key), F.lit(False))
        names_someone |= F.coalesce(~F.is_valid_utf8(key), F.lit(False))
        marked = messages.withColumn("_is_named", names_someone)
        safe = _made_safe(protection)(
            *[F.when(F.col("_is_named"), F.col(name)) for name in ("key", "value", "size_bytes")]
        )
        protected = marked.withColumn("_safe", safe).withColumn("sealed_by", F.col("_safe")["sealed_by"])
        return protected.withColumns(_either(F.col("_is_named"), F.col("_safe"))).drop("_is_named", "_safe")

    return transform


def as_opened(protection: Protection) -> Callable[[DataFrame], DataFrame]:
    """Sealed messages as they were received; `sealed_by` goes. Raises OperatorError where a key is missing."""

    def transform(sealed: DataFrame) -> DataFrame:
        is_sealed = F.col("sealed_by").isNotNull()
        opened = _opened(protection)(
            F.when(is_sealed, F.col("key")), F.when(is_sealed, F.col("value")), F.col("sealed_by")
        )
        unsealed = sealed.withColumn("_opened", opened)
        return unsealed.withColumns(_either(is_sealed, F.col("_opened"))).drop("_opened", "sealed_by")

    return transform


def tokenised(protection: Protection, impersonal: Collection[str] = ()) -> Callable[[DataFrame], DataFrame]:
    """Replaces the text columns, and the entries of maps of text, whose names are direct identifiers by tokens, and
    takes out of the others what names somebody, as of the fields of a message. Columns whose names begin with _ stay as
    they are, and so do those that are `impersonal`."""

    def transform(rows: DataFrame) -> DataFrame:
        kept = {name: type_ for name, type_ in rows.dtypes if not name.startswith("_") and name not in impersonal}
        texts = {name: _nameless(name, protection) for name, type_ in kept.items() if type_ == "string"}
        maps = {name: _nameless_entries(name, protection) for name, type_ in kept.items() if type_ == TEXTS}
        return rows.withColumns({**texts, **maps})

    return transform


def with_sealed(name: str, protection: Protection) -> Callable[[DataFrame], DataFrame]:
    """Replaces a text column by its UTF-8 bytes, encrypted with the newest key; null stays null."""

    def shut(texts: pa.Array) -> pa.Array:
        return pa.array(
            [None if text is None else sealed(text.encode(), protection.secrets) for text in texts.to_pylist()],
            pa.binary(),
        )

    return lambda rows: rows.withColumn(name, by_arrow(shut, "binary")(F.col(name)))


def by_arrow(of_arrays: Callable[..., pa.Array], type_: str) -> Callable[..., Column]:
    """A function of columns, worked out by one of Arrow arrays."""
    return F.arrow_udf(of_arrays, type_)  # type: ignore[call-overload]


def _either(is_changed: Column, changed: Column) -> dict[str, Column]:
    return {name: F.when(is_changed, changed[name]).otherwise(F.col(name)) for name in ("key", "value")}


def _made_safe(protection: Protection) -> Callable[..., Column]:
    def safe_rows(keys: pa.Array, values: pa.Array, sizes: pa.Array) -> pa.Array:
        columns = zip(keys.to_pylist(), values.to_pylist(), sizes.to_pylist(), strict=True)
        return pa.array([_safe_row(*columns_, protection) for columns_ in columns], ARROW_KEPT)

    return by_arrow(safe_rows, KEPT)


def _safe_row(
    key: bytes | None, value: bytes | None, size: int | None, protection: Protection
) -> dict[str, object] | None:
    if key is None and value is None:
        return None
    kept_value = value
    if value is not None and value.strip():
        kept_value = safe(value, protection) if size is None or size <= MOST_BYTES else None
    kept_key = key if key is None else safe_key(key, protection)
    if (kept_value is None) == (value is None) and (kept_key is None) == (key is None):
        return {"key": kept_key, "value": kept_value, "sealed_by": None}
    shut = [None if part is None else sealed(part, protection.secrets) for part in (key, value)]
    return {"key": shut[0], "value": shut[1], "sealed_by": len(protection.secrets.payloads)}


def _opened(protection: Protection) -> Callable[..., Column]:
    def read(keys: pa.Array, values: pa.Array, versions: pa.Array) -> pa.Array:
        columns = zip(keys.to_pylist(), values.to_pylist(), versions.to_pylist(), strict=True)
        rows = [
            None
            if version is None
            else {
                "key": None if key is None else opened(key, version, protection.secrets),
                "value": None if value is None else opened(value, version, protection.secrets),
            }
            for key, value, version in columns
        ]
        return pa.array(rows, ARROW_OPENED)

    return by_arrow(read, "struct<key: binary, value: binary>")


def _nameless(name: str, protection: Protection) -> Column:
    def nameless_texts(texts: pa.Array) -> pa.Array:
        return pa.array(
            [None if text is None else safe_text(name, text, protection) for text in texts.to_pylist()], pa.string()
        )

    text, nameless = F.col(name), by_arrow(nameless_texts, "string")
    if kind_of(name) is not None:
        return nameless(text)
    may_name = may_name_in_words(text)
    return F.when(may_name, nameless(F.when(may_name, text))).otherwise(text)


def _nameless_entries(name: str, protection: Protection) -> Column:
    def nameless_maps(maps: pa.Array) -> pa.Array:
        entries = [None if one is None else dict(one) for one in maps.to_pylist()]
        return pa.array(
            [one and {key: safe_text(key, text, protection) for key, text in one.items()} for one in entries],
            pa.map_(pa.string(), pa.string()),
        )

    entries, nameless = F.col(name), by_arrow(nameless_maps, TEXTS)
    is_direct = F.exists(F.map_keys(entries), is_direct_name)
    may_name = is_direct | F.exists(F.map_values(entries), may_name_in_words)
    return F.when(may_name, nameless(F.when(may_name, entries))).otherwise(entries)


ARROW_OPENED = pa.struct({"key": pa.binary(), "value": pa.binary()})
ARROW_KEPT = pa.struct({"key": pa.binary(), "value": pa.binary(), "sealed_by": pa.int32()})

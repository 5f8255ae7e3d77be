"""Messages made safe to keep before they are written, and those that were encrypted read again."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import MOST_BYTES, Contract
from expectations.identifiers import is_direct_name, kind_of, may_name_in_words
from expectations.valid_messages import are_unmarked, valid_and_harmless
from jobs.privacy.encryption import opened, sealed
from jobs.privacy.message import Protection, safe, safe_key, safe_text

TEXTS = "map<string,string>"
KEPT = (
    "struct<is_changed: boolean, key: binary, value: binary, sealed_by: int, valid_by: string,"
    " noted: struct<event_id: string, occurred_at: string>>"
)


class Kept(NamedTuple):
    """What is kept of one message; `key` and `value` where it is changed."""

    is_changed: bool = False
    key: bytes | None = None
    value: bytes | None = None
    sealed_by: int | None = None


def as_safe(contract: Contract, protection: Protection) -> Callable[[DataFrame], DataFrame]:
    """Replaces `key` and `value` (binary) by what may be kept of them, and adds `sealed_by`: the version of the key
    that they are encrypted with where they could not be read, null for all others; and `valid_by`: the contract's
    digest where the message is valid by it (expectations/valid_messages.py), null for all others; and `noted`: when
    such a message occurred and its id, null where it asks not to be counted.

    Most messages are valid and name nobody: they stay as they are.
    """

    def transform(messages: DataFrame) -> DataFrame:
        kept = _made_safe(contract, protection)(*[F.col(name) for name in ("key", "value", "size_bytes")])
        protected = messages.withColumn("_kept", kept)
        added = {name: F.col("_kept")[name] for name in ("sealed_by", "valid_by", "noted")}
        is_changed = F.col("_kept")["is_changed"]
        return protected.withColumns({**_either(is_changed, F.col("_kept")), **added}).drop("_kept")

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


def _made_safe(contract: Contract, protection: Protection) -> Callable[..., Column]:
    digest, no_digest = pa.scalar(contract.digest), pa.scalar(None, pa.string())

    def safe_rows(keys: pa.Array, values: pa.Array, sizes: pa.Array) -> pa.Array:
        is_short = sizes.fill_null(0).to_numpy(zero_copy_only=False) <= MOST_BYTES
        is_fit = is_short & (~keys.is_valid().to_numpy(zero_copy_only=False) | are_unmarked(keys))
        valid = [one if fits else None for one, fits in zip(valid_and_harmless(values, contract), is_fit, strict=True)]
        is_valid = np.array([one is not None for one in valid], bool)
        rows = [Kept()] * len(values)
        for at in np.flatnonzero(~is_valid):
            rows[at] = _kept(keys[at].as_py(), values[at].as_py(), is_short[at], protection)
        kept = [pa.array([row[at] for row in rows], ARROW_KEPT[at].type) for at in range(len(Kept._fields))]
        valid_by = pc.if_else(pa.array(is_valid), digest, no_digest)
        return pa.StructArray.from_arrays([*kept, valid_by, _noted(valid)], fields=list(ARROW_KEPT))

    return by_arrow(safe_rows, KEPT)


def _noted(valid: list[Any]) -> pa.Array:
    """`valid`: by `valid_and_harmless`."""
    counted = [
        None if one is None or (one.consent is not None and one.consent.analytics is False) else one for one in valid
    ]
    texts = [pa.array([one and getattr(one, name) for one in counted], pa.string()) for name in ARROW_NOTED.names]
    is_null = pa.array([one is None for one in counted], pa.bool_())
    return pa.StructArray.from_arrays(texts, fields=list(ARROW_NOTED), mask=is_null)


def _kept(key: bytes | None, value: bytes | None, is_short: bool, protection: Protection) -> Kept:
    kept_value = value
    if value is not None and value.strip():
        kept_value = safe(value, protection) if is_short else None
    kept_key = key if key is None else safe_key(key, protection)
    if (kept_value is None) == (value is None) and (kept_key is None) == (key is None):
        return Kept((kept_key, kept_value) != (key, value), kept_key, kept_value)
    shut_key, shut_value = (None if part is None else sealed(part, protection.secrets) for part in (key, value))
    return Kept(True, shut_key, shut_value, len(protection.secrets.payloads))


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
    return F.coalesce(nameless(F.when(may_name, text)), text)


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
    return F.coalesce(nameless(F.when(may_name, entries)), entries)


ARROW_OPENED = pa.struct({"key": pa.binary(), "value": pa.binary()})
ARROW_NOTED = pa.struct({"event_id": pa.string(), "occurred_at": pa.string()})
ARROW_KEPT = pa.struct(
    {
        "is_changed": pa.bool_(),
        "key": pa.binary(),
        "value": pa.binary(),
        "sealed_by": pa.int32(),
        "valid_by": pa.string(),
        "noted": ARROW_NOTED,
    }
)

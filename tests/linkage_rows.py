"""Rows as linkage compares them, made of plain records without Spark: encoded as they land, and in clear text."""

import base64
import hashlib
from collections.abc import Mapping, Sequence

import pyarrow as pa

from expectations.source_contract import source_contract
from jobs.people.linkage import as_rows
from jobs.people.linkage_model import FIELDS, SOUNDS, Measure
from jobs.privacy.keyed_encodings import SOUND, VERSION, encodings_of, folded, sound
from jobs.privacy.keys import Secrets

KINDS = source_contract("crm").encodings
SECRETS = Secrets((b"1" * 32,), (b"k" * 32,))
Record = Mapping[str, str | None]
"""`unique_id`, and those of FIELDS that the record has."""


def encoded_rows(records: Sequence[Record], secrets: Secrets = SECRETS) -> pa.Table:
    """What silver.crm would have of the records, as the model compares it."""
    entries = [encodings_of({name: one.get(name) for name in KINDS}, KINDS, secrets) or {} for one in records]
    filters = {name: [one.get(name) for one in entries] for name in FIELDS}
    decoded = {name: [None if text is None else base64.b64decode(text) for text in filters[name]] for name in FIELDS}
    numbers = {name: [_number(one.get(name)) for one in entries] for name in (*FIELDS, *SOUNDS)}
    return as_rows(
        pa.table(
            {
                "unique_id": [one["unique_id"] for one in records],
                VERSION: [one.get(VERSION) for one in entries],
                **{name: pa.array(values, pa.int64()) for name, values in numbers.items()},
                **{f"{name}_filter": pa.array(values, pa.binary()) for name, values in decoded.items()},
            }
        )
    )


def clear_rows(records: Sequence[Record]) -> pa.Table:
    """The same in clear text, for what the encodings lose."""
    texts = {name: [folded(one.get(name) or "") or None for one in records] for name in FIELDS}
    sounds = {
        name: [None if not (text := one.get(name.removesuffix(SOUND))) else sound(text) for one in records]
        for name in SOUNDS
    }
    columns = {name: pa.array(values, pa.string()) for name, values in {**texts, **sounds}.items()}
    return pa.table({"unique_id": [one["unique_id"] for one in records], **columns})


def by_letters(field: str, left: str, right: str) -> str:
    """Jaro and Winkler's similarity of names and addresses; of birth dates the share of digits without an error."""
    if field == "birth_date":
        return f"(1 - damerau_levenshtein({left}_l, {right}_r) / 8.0)"
    return f"jaro_winkler_similarity({left}_l, {right}_r)"


CLEAR = Measure(by_letters, {"name": 0.92, "street": 0.9, "birth_date": 0.87, "city": 0.9}, similar=0.8)


def _number(text: str | None) -> int | None:
    return None if text is None else int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])

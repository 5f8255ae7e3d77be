"""Encodings of names, addresses and birth dates, for comparing them without reading them.

A keyed Bloom filter: the text is cut into parts (pairs of letters, places of digits), and each part sets ten of 512
bits, which a secret chooses. Texts that share most parts share most bits, so that a typing error costs a little and
not everything (Schnell, Bachteler and Reiher, "Privacy-preserving record linkage using Bloom filters", BMC Medical
Informatics and Decision Making 9:41, 2009). They hash each part twice and add the hashes up; here all ten places come
from one HMAC, as that sum gives patterns away (Niedermeyer et al., Journal of Privacy and Confidentiality 6:2, 2014).
A keyed phonetic code of a name is a key for blocking: which rows are compared at all.
"""

import base64
import functools
import hashlib
import hmac
import itertools
import unicodedata
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.source_contract import ENCODINGS, SourceContract
from jobs.privacy.columns import TEXTS, by_arrow
from jobs.privacy.keys import Secrets
from jobs.privacy.tokens import normalised

BITS = 512
BITS_PER_PART = 10
VERSION = "version"
"""The entry that names the version of the secret: encodings of two secrets have nothing in common."""

SOUND = "_sound"
"""What is added to the name of a field for its phonetic code."""

SOUNDEX = {
    letter: code for code, letters in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), 1) for letter in letters
}


def with_encodings(secrets: Secrets, contract: SourceContract, is_wanted: bool) -> Callable[[DataFrame], DataFrame]:
    """Adds `encodings`: of each field of the contract that has a kind of encoding its filter in base64, of names also
    the sound, and the version of the secret; null where a row has none of them, or none are wanted.

    Needs the fields as they came. A contract without such fields leaves the rows as they are.
    """

    def transform(rows: DataFrame) -> DataFrame:
        if not contract.encodings:
            return rows
        encoded = _encoded(secrets, contract) if is_wanted else F.lit(None).cast(TEXTS)
        return rows.withColumn(ENCODINGS, encoded)

    return transform


def encodings_of(texts: Mapping[str, str | None], kinds: Mapping[str, str], secrets: Secrets) -> dict[str, str] | None:
    """The entries of `encodings` of one row. `kinds`: field -> name, street, date or code."""
    entries: dict[str, str] = {}
    for field, kind in kinds.items():
        if (text := texts[field]) is None or not (parts := parts_of(kind, text)):
            continue
        key = _key(secrets)
        entries[field] = bloom_filter(kind, parts, key)
        if kind == "name":
            digest = hmac.digest(key, f"sound:{sound(text)}".encode(), hashlib.sha256)
            entries[field + SOUND] = _base64(digest[:8])
    return {**entries, VERSION: str(secrets.token_version)} if entries else None


def bloom_filter(kind: str, parts: set[str], key: bytes) -> str:
    """512 bits in base64. Fields of one kind share their places, so that names that changed places are seen."""
    bits = 0
    for part in parts:
        bits |= _bits(kind, part, key)
    return _base64(bits.to_bytes(BITS // 8, "little"))


def parts_of(kind: str, text: str) -> set[str]:
    """What two like texts have in common. A name or street: pairs of letters, as written without accents, blanks and
    signs. A code, such as a postcode: its characters with their places, and pairs. A birth date: the same of its eight
    digits, and the year, day and month whole, for those that changed places."""
    match kind:
        case "date":
            digits = "".join(filter(str.isdecimal, normalised("birth_date", text, "")))
            whole = {f"year {digits[:4]}", f"part {digits[4:6]}", f"part {digits[6:]}"} if len(digits) == 8 else set()
            return {f"{place}:{digit}" for place, digit in enumerate(digits)} | whole
        case "code":
            letters = folded(text)
            return {f"{place}:{letter}" for place, letter in enumerate(letters)} | set(_pairs(letters))
    letters = folded(text)
    return set(_pairs(f" {letters} ")) if letters else set()


def folded(text: str) -> str:
    """Letters and digits alone, without case and accents: they are what is typed in more than one way."""
    apart = unicodedata.normalize("NFKD", normalised("name", text, ""))
    return "".join(filter(str.isalnum, apart))


def sound(name: str) -> str:
    """Soundex (Russell 1918) of a name in Latin letters; of others the name itself."""
    letters = "".join(filter(str.isalpha, folded(name)))
    if not letters or not letters.isascii():
        return folded(name)
    codes, last = [], SOUNDEX.get(letters[0])
    for letter in letters[1:]:
        code = SOUNDEX.get(letter)
        if code is not None and code != last:
            codes.append(str(code))
        if letter not in "hw":
            last = code
    return f"{letters[0]}{''.join(codes):0<3.3}"


@functools.lru_cache(maxsize=65_536)  # there are few pairs of letters, and many names
def _bits(kind: str, part: str, key: bytes) -> int:
    digest = hmac.digest(key, f"{kind}:{part}".encode(errors="surrogatepass"), hashlib.sha512)
    places = [int.from_bytes(digest[2 * one : 2 * one + 2]) % BITS for one in range(BITS_PER_PART)]
    return functools.reduce(lambda bits, place: bits | 1 << place, places, 0)


@functools.lru_cache(maxsize=8)
def _key(secrets: Secrets) -> bytes:
    return hmac.digest(secrets.tokens[-1], b"encodings for linkage", hashlib.sha256)


def _encoded(secrets: Secrets, contract: SourceContract) -> Column:
    kinds = contract.encodings

    def encoded_rows(*columns: pa.Array) -> pa.Array:
        rows = zip(*[column.to_pylist() for column in columns], strict=True)
        entries = [encodings_of(dict(zip(kinds, row, strict=True)), kinds, secrets) for row in rows]
        return pa.array(entries, pa.map_(pa.string(), pa.string()))

    return by_arrow(encoded_rows, TEXTS)(*map(F.col, kinds))


def _pairs(letters: str) -> Iterator[str]:
    return map("".join, itertools.pairwise(letters))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()

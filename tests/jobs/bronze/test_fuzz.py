"""Messages that hypothesis spoils byte by byte: none stops the way in, and what the quick test lets by names nobody."""

import json

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from jobs.landing.reading import Reader, as_judged, as_received
from jobs.privacy import columns
from jobs.privacy.keys import Secrets
from jobs.privacy.message import Protection, safe
from tests.events import PAYLOADS, event, received
from tests.poison import POISON

PROTECTION = Protection(Secrets((b"1" * 32,), (b"k" * 32,)), "US")
MARK = b"anna.nowak@mail.example"
PHONE = b"+48 601 234 567"
PIECES = [
    *[bytes([one]) for one in b"\"\\{}[],: \n\t\x00\x1f\xff'/@+0-.e"],
    *(b"\xef\xbb\xbf", b"\\ud800", b"\\u0022", b"\\u0040", b"NaN", b"1e999", b"null", b"/*", b"//", b"%40"),
    *(
        MARK,
        PHONE,
        b'"email":"' + MARK + b'",',
        b'"x":"' + MARK + b'"',
        b'{"phone":"6012345678"}',
        b'"e\\u006dail":"a",',
    ),
]
SMALL = [poison.value for poison in POISON if poison.value is not None and len(poison.value) < 2_000]
GOOD = [json.dumps(event(kind, event_id=f"e-{number}")).encode() for number, kind in enumerate(PAYLOADS)]


def spoilt(message: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """With each edit a place of the message, after which so many bytes make room for others."""
    for place, gone, instead in edits:
        at = int(place * len(message))
        message = message[:at] + instead + message[at + gone :]
    return message


def drawn(examples: int) -> list[bytes]:
    messages: list[bytes] = []
    edit = st.tuples(st.floats(0, 1), st.sampled_from([0, 0, 1, 2, 7]), st.sampled_from(PIECES) | st.binary(max_size=3))

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(GOOD * 4 + SMALL), st.lists(edit, max_size=2))
    def draw(message: bytes, edits: list[tuple[float, int, bytes]]) -> None:
        messages.append(spoilt(message, edits))

    draw()
    messages += [message.replace(b": ", b" :\n", places) for message in GOOD for places in range(12)]
    return list(dict.fromkeys(messages))


def pairs(message: bytes) -> object:
    """What a JSON text holds, the order of names and names that stand twice with it."""
    return json.loads(message, object_pairs_hook=list, parse_int=str, parse_float=str)


@pytest.mark.parametrize("examples", [1_200, pytest.param(5_000, marks=pytest.mark.long)])
def test_what_is_spoilt_is_accounted_for_and_names_nobody(spark: SparkSession, examples: int) -> None:
    messages = drawn(examples)
    contract = committed_contract()
    given_rows = received(spark, messages).drop("sealed_by", "decode_error", "valid_by", "event_hash")
    reader = Reader(committed_contract, None, PROTECTION)
    landed = as_received(given_rows.withColumnRenamed("received_at", "timestamp"), reader, contract).localCheckpoint()
    seen = ("offset", "value", "sealed_by", "reasons", F.to_json("event").alias("event"))
    rows = as_judged(landed, contract).select(*seen).orderBy("offset").collect()
    assert landed.where(F.col("valid_by") == contract.digest).count() > 100
    assert rows == as_judged(landed.drop("valid_by"), contract).select(*seen).orderBy("offset").collect()
    assert len(rows) == len(messages) > 0.8 * examples
    kept, wrong = 0, []
    for row in rows:
        expected, value = safe(messages[row["offset"]], PROTECTION), bytes(row["value"])
        written = value + (row["event"] or "").encode() + "".join(row["reasons"]).encode()
        is_right = MARK not in written and PHONE not in written and (row["sealed_by"] is None or bool(row["reasons"]))
        if expected is not None:
            kept += 1
            is_right &= row["sealed_by"] is None and pairs(value) == pairs(expected)
        if not is_right:
            wrong.append((messages[row["offset"]], row))
    assert not wrong, "\n".join(map(str, wrong[:10]))
    assert 0.1 < kept / len(rows) < 0.9


@pytest.mark.usefixtures("spark")
def test_an_empty_batch_has_its_columns() -> None:
    safe_rows = columns._made_safe(committed_contract(), PROTECTION).func  # type: ignore[attr-defined]
    made = safe_rows(*[pa.array([], type_) for type_ in (pa.binary(), pa.binary(), pa.int32())])
    assert made.type == columns.ARROW_KEPT and len(made) == 0

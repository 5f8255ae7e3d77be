"""What is read live is what the lake takes, event by event and word by word, among drawn and spoilt ones."""

import json
from collections import Counter
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations.contract import PURPOSES, committed_contract
from expectations.event_time import occurred_at
from jobs.landing.reading import Reader, as_judged, as_received
from jobs.live.valid_events import as_arrived, micros, valid_events
from jobs.people.statements import as_statements, statements_of
from tests.events import event, received
from tests.expectations.test_agreement import drawn as drawn_of
from tests.jobs.bronze.test_fuzz import PROTECTION
from tests.jobs.bronze.test_fuzz import drawn as spoilt
from tests.poison import POISON

KEYS = "array(X'39', NULL, X'FF', X'C3A9', X'EDA080', X'', encode('anna.nowak@mail.example', 'utf-8'))"
"""Text, and what is none: a byte that UTF-8 has not, and half a character."""
READER = Reader(committed_contract, None, PROTECTION)
TIMES = (
    *("2017-12-31T23:59:59.1234567Z", "2018-01-01T00:04:59+00:00", "2018-01-01T00:05:01Z", "2018-01-01t00:05:00z"),
    *("1999-12-31T23:59:59Z", "2000-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+18:00"),
    *("9999-12-31T23:59:59-18:00", "2017-02-03T04:05:06.5+05:30"),
)


def consents() -> list[str]:
    """Statements of both kinds at every time, in events of both kinds."""
    chance, messages = Random(1), []
    for number, at in enumerate(TIMES * 24):
        said = {purpose: chance.random() < 0.7 for purpose in chance.sample(PURPOSES, 2)}
        one = event("consent", event_id=f"s-{number}", occurred_at=at, payload={"purposes": said})
        if chance.random() < 0.4:
            one = event("page_view", event_id=f"s-{number}", occurred_at=at)
        if chance.random() < 0.5:
            one["consent"] = {"personalisation": chance.random() < 0.5}
        messages.append(json.dumps(one))
    return messages


def in_columns(fields: Any) -> Any:
    """Without what is null, and of what people tell of themselves the names: in the lake all values are text."""
    match fields:
        case {"attributes": dict() as told, **rest} if not rest:
            return sorted(name for name, one in told.items() if one is not None)
        case dict():
            return {name: in_columns(one) for name, one in fields.items() if one is not None}
        case list():
            return [in_columns(one) for one in fields]
    return fields


@pytest.mark.parametrize("examples", [1, pytest.param(15, marks=pytest.mark.long)])
def test_the_same_events_are_taken_and_say_the_same(spark: SparkSession, examples: int) -> None:
    contract = committed_contract()
    texts = [text.encode() for one in contract.versions for text in drawn_of(one, examples)]
    texts += [text.encode() for text in consents()] + spoilt(300 * examples)
    texts += [poison.value for poison in POISON if poison.value is not None]
    rows = received(spark, texts).drop("sealed_by", "decode_error", "valid_by", "event_hash")
    keyed = rows.withColumn("key", F.expr(f"element_at({KEYS}, int(offset % 7) + 1)"))
    messages = keyed.withColumnRenamed("received_at", "timestamp").localCheckpoint()

    taken = as_judged(as_received(messages, READER, contract), contract).where("size(reasons) = 0").localCheckpoint()
    at = F.unix_micros(occurred_at()).alias("at")
    in_order = taken.orderBy("offset").select(F.to_json("event").alias("event"), at).collect()
    typed = taken.select("event.*", "received_at", occurred_at().alias("_at")).withColumn("occurred_at", F.col("_at"))
    times = [F.unix_micros(name).alias(name) for name in ("valid_from", "recorded_at")]
    said = as_statements(typed).select("event_id", "purpose", "is_granted", "said_by", *times).collect()
    live = list(valid_events([tuple(row) for row in as_arrived(messages, READER).collect()], contract, PROTECTION))

    ours = [(in_columns(one.fields), micros(one.occurred_at)) for one in live]
    theirs = [(in_columns(json.loads(row["event"])), row["at"]) for row in in_order]
    assert [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]] == []
    assert 200 < len(ours) == len(theirs) < 0.9 * len(texts)
    words = Counter(
        (one.fields["event_id"], *word[:3], micros(word.valid_from), micros(one.received_at))
        for one in live
        for word in statements_of(*one)
    )
    assert words == Counter(tuple(row) for row in said) and len(words) > 100

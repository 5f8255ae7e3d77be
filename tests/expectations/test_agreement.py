"""The compiled rules and the jsonschema library judge alike messages drawn at random, each version its share.

`make test` draws 5,000, `make test-long` 20,000.
"""

import json
import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import resources
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import extend
from pyspark.sql import SparkSession

from expectations.contract import EventVersion, committed_contract
from expectations.validation import with_validation
from tests.events import received
from tests.expectations.messages import events, spoilt

SPOILT_OF_ONE = 22
HEALTH = list(HealthCheck)
ARRIVAL = datetime(2018, 1, 1, tzinfo=UTC)
RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


NO_IDS = {"undefined", "null", "nan", "unknown", "[object object]"}
IDS = ("user_id", "anonymous_id", "device_id", "session_id", "crm_id")
CONTRACTS = resources.files("expectations") / "contracts"
SCHEMAS = {file.name: json.loads(file.read_text()) for file in CONTRACTS.iterdir()}


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _is_number(_: Any, value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_integer(_: Any, value: Any) -> bool:
    return _is_number(_, value) and value == int(value) and -(2**63) <= value < 2**63


DECODER = json.JSONDecoder(parse_constant=_refuse)
TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number})
Validator = extend(Draft202012Validator, type_checker=TYPES)


def drawn(version: EventVersion, examples: int) -> list[str]:
    """So many valid events of that version, and each of them spoilt in many ways."""
    texts: list[str] = []

    @settings(max_examples=examples, suppress_health_check=HEALTH)
    @given(events(version), st.integers(0, 2**32))
    def draw(event: dict[str, Any], seed: int) -> None:
        chance = Random(f"{seed} {len(texts)}")
        texts.extend([json.dumps(event), *[spoilt(event, chance) for _ in range(SPOILT_OF_ONE)]])

    draw()
    return texts


def is_valid(text: str) -> bool:
    """By jsonschema, and by hand what JSON Schema does not say: time, and what is no id."""
    try:
        event = DECODER.decode(text)
    except ValueError:
        return False
    if not isinstance(event, dict) or _is_no_id(event.get("event_id")):
        return False
    event = _without_no_ids(event)
    if event.get("event_type") == "identify" and isinstance(event.get("payload"), dict):
        event["payload"] = _without_no_ids(event["payload"])
    if not _conforms(event, "envelope.v1.json"):
        return False
    file = f"{event['event_type']}.v{int(event['schema_version'])}.json"
    purposes = event["payload"].get("purposes")
    is_withdrawal = event["event_type"] == "consent" and isinstance(purposes, dict) and False in purposes.values()
    return file in SCHEMAS and _is_timely(event["occurred_at"], is_withdrawal) and _conforms(event["payload"], file)


def _conforms(value: Any, file: str) -> bool:
    strict = json.loads(json.dumps(SCHEMAS[file]).replace('$"', r'\\Z"'))  # ECMA-262's $ is no newline before the end
    return bool(Validator(strict).is_valid(_with_whole_characters(value)))


def _with_whole_characters(value: Any) -> Any:
    return json.loads(re.sub(r"\\ud[89a-f]..", r"\\ufffd", json.dumps(value)))


def _without_no_ids(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in IDS or not _is_no_id(value)}


def _is_no_id(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    bare = value.strip("{}").replace("-", "")
    return value.strip().lower() in NO_IDS or (len(bare) >= 8 and len(set(bare)) == 1 and not bare.isspace())


def _is_timely(text: str, is_withdrawal: bool) -> bool:
    parts = RFC_3339.fullmatch(text)
    if not parts:
        return False
    try:
        at = datetime.fromisoformat(f"{parts[1]}T{parts[2]}{parts[4].upper()}")
    except ValueError:
        return False
    return is_withdrawal or datetime(2000, 1, 1, tzinfo=UTC) <= at <= ARRIVAL + timedelta(minutes=5)


@pytest.mark.parametrize("examples", [15, pytest.param(60, marks=pytest.mark.long)])
def test_rules_and_jsonschema_agree(spark: SparkSession, examples: int) -> None:
    contract = committed_contract()
    texts = list(dict.fromkeys(text for version in contract.versions for text in drawn(version, examples)))
    judged = received(spark, texts).transform(with_validation(contract)).select("offset", "reasons")
    reasons = {row["offset"]: row["reasons"] for row in judged.collect()}
    verdicts = [(text, is_valid(text)) for text in texts]
    differing = [(text, valid, reasons[at]) for at, (text, valid) in enumerate(verdicts) if valid is bool(reasons[at])]
    assert len(texts) >= examples * 333  # 20,000 of 60
    assert 0.2 < sum(valid for _, valid in verdicts) / len(texts) < 0.8
    good = [DECODER.decode(text) for text, valid in verdicts if valid]
    counts = Counter((event["event_type"], event["schema_version"]) for event in good)
    assert min(counts[version[:2]] for version in contract.versions) > examples * 1.67  # 100 of 60
    assert not differing, f"{len(differing)} differ:\n" + "\n".join(map(str, differing[:10]))

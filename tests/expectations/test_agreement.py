"""The compiled rules and the jsonschema library give the same verdict on 20,000 messages drawn at random."""

import json
import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import extend
from pyspark.sql import SparkSession

from expectations.contract import Contract, contract
from expectations.validation import with_validation
from tests.events import received
from tests.expectations.messages import events, spoilt

EXAMPLES, SPOILT_OF_ONE = 1_000, 24
HEALTH = list(HealthCheck)
ARRIVAL = datetime(2018, 1, 1, tzinfo=UTC)
RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _is_integer(_: Any, found: Any) -> bool:
    return type(found) is int and -(2**63) <= found < 2**63


def _is_number(_: Any, found: Any) -> bool:
    return type(found) in (int, float) and math.isfinite(found)


DECODER = json.JSONDecoder(parse_constant=_refuse)
TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number})
Validator = extend(Draft202012Validator, type_checker=TYPES)


def drawn() -> list[str]:
    """Valid events of every kind, and each of them spoilt in many ways."""
    texts: list[str] = []

    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=HEALTH)
    @given(events(contract()), st.integers(0, 2**32))
    def draw(event: dict[str, Any], seed: int) -> None:
        chance = Random(f"{seed} {len(texts)}")
        texts.extend([json.dumps(event), *[spoilt(event, chance) for _ in range(SPOILT_OF_ONE)]])

    draw()
    return list(dict.fromkeys(texts))


def is_valid(text: str, rules: Contract) -> bool:
    """By jsonschema, and for time, which JSON Schema does not compare, by hand."""
    try:
        event, _ = DECODER.raw_decode(text.lstrip())  # what follows a whole message is not looked at
        json.dumps(event, ensure_ascii=False).encode()  # half a character has no UTF-8
    except ValueError:
        return False
    if not isinstance(event, dict) or not _conforms(event, rules.envelope):
        return False
    payload = rules.payloads.get(event["event_type"], {}).get(event["schema_version"])
    return payload is not None and _is_timely(event["occurred_at"]) and _conforms(event["payload"], payload)


def _conforms(value: Any, schema: dict[str, Any]) -> bool:
    strict = json.loads(json.dumps(schema).replace('$"', r'\\Z"'))  # ECMA-262's $ is no newline before the end
    return bool(Validator(strict).is_valid(value))


def _is_timely(text: str) -> bool:
    parts = RFC_3339.fullmatch(text)
    if not parts:
        return False
    try:
        at = datetime.fromisoformat(f"{parts[1]}T{parts[2]}{parts[4].upper()}")
    except ValueError:
        return False
    return datetime(2000, 1, 1, tzinfo=UTC) <= at <= ARRIVAL + timedelta(minutes=5)


def test_rules_and_jsonschema_agree(spark: SparkSession) -> None:
    rules, texts = contract(), drawn()
    judged = received(spark, texts).transform(with_validation(rules)).select("offset", "reasons")
    reasons = {row["offset"]: row["reasons"] for row in judged.collect()}
    verdicts = [(text, is_valid(text, rules)) for text in texts]
    differing = [(text, valid, reasons[at]) for at, (text, valid) in enumerate(verdicts) if valid is bool(reasons[at])]
    assert len(texts) >= 20_000
    assert 0.2 < sum(valid for _, valid in verdicts) / len(texts) < 0.8
    good = [DECODER.raw_decode(text.lstrip())[0] for text, valid in verdicts if valid]
    kinds = Counter((event["event_type"], event["schema_version"]) for event in good)
    assert min(kinds[kind[:2]] for kind in rules.kinds) > 100
    assert not differing, "\n".join(map(str, differing[:10]))

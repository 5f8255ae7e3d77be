"""One body in Avro as JSON. An optional field that is null is left out, as JSON's producers do."""

import base64
import io
import json
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

import fastavro


def is_record(schema: str) -> bool:
    """Whether bodies can be read by this schema, and are objects."""
    try:
        parsed = fastavro.parse_schema(json.loads(schema))
    except Exception:  # whatever the library makes of a schema that is none
        return False
    return isinstance(parsed, dict) and parsed.get("type") == "record"


def reader(schema: str) -> Callable[[bytes], bytes | None]:
    """A function from a body to its JSON; None for a body that is not of this schema, whole and nothing else."""
    parsed = fastavro.parse_schema(json.loads(schema))

    def read(body: bytes) -> bytes | None:
        stream = io.BytesIO(body)
        try:
            record = fastavro.schemaless_reader(stream, parsed, None)
            text = json.dumps(_without_nulls(record), ensure_ascii=False, allow_nan=False, default=_as_json)
            return None if stream.read(1) else text.encode()
        except Exception:  # a body is anybody's bytes: none of them may stop the stream
            return None

    return read


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _as_json(value: Any) -> Any:
    """What JSON has no type for: moments by RFC 3339, bytes in base64, the rest (a decimal, a UUID) as text."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)

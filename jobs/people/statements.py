"""What an event says of consent: a statement for each purpose that it grants or denies."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pyspark.sql import DataFrame

from expectations.contract import PURPOSES


class Statement(NamedTuple):
    """What an event says on a purpose; `said_by`: person or client."""

    purpose: str
    is_granted: bool
    said_by: str
    valid_from: datetime


def statements_of(event: Mapping[str, Any], occurred_at: datetime, received_at: datetime) -> Iterator[Statement]:
    """What one valid event says, as `as_statements` says of many."""
    stated = (event["payload"].get("purposes") or {}) if event["event_type"] == "consent" else {}
    remembered = event.get("consent") or {}
    for purpose in PURPOSES:
        in_payload = stated.get(purpose)
        is_granted = remembered.get(purpose) if in_payload is None else in_payload
        if is_granted is not None:
            said_by = "client" if in_payload is None else "person"
            yield Statement(purpose, is_granted, said_by, min(occurred_at, received_at))


def as_statements(events: DataFrame) -> DataFrame:
    """Events, typed as in silver.events, as one row per purpose: what was said, by whom, from when."""
    # SQL, because Columns of so many calls take the driver longer to build than a micro-batch takes to read.
    statements = f"inline(array({', '.join(map(_statement, PURPOSES))}))"
    said = events.where("event_type = 'consent' OR consent IS NOT NULL").selectExpr(
        "event_id", "user_id", "anonymous_id", "device_id", "occurred_at", "received_at", "payload", statements
    )
    return said.where("is_granted IS NOT NULL").selectExpr(
        "event_id",
        "user_id",
        "anonymous_id",
        "device_id",
        "purpose",
        "is_granted",
        "said_by",
        # A clock that is ahead does not make a word of now one of later.
        "least(occurred_at, received_at) AS valid_from",
        "received_at AS recorded_at",
        *[f"if(said_by = 'person', payload.{name}, null) AS {name}" for name in ("source", "text_version")],
    )


def _statement(purpose: str) -> str:
    """What an event says on the purpose: in a consent event the payload goes before the client's copy."""
    in_payload = f"if(event_type = 'consent', payload.purposes.{purpose}, null)"
    return (
        f"named_struct('purpose', '{purpose}', 'is_granted', coalesce({in_payload}, consent.{purpose}),"
        f" 'said_by', if({in_payload} IS NOT NULL, 'person', 'client'))"
    )

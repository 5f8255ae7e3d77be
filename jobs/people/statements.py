"""What an event says of consent: a statement for each purpose that it grants or denies."""

from pyspark.sql import DataFrame

from expectations.contract import PURPOSES


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

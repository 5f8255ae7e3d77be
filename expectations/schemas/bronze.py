"""What was received, made safe to keep."""

from expectations.schemas.table import OF_A_LANDING, RUN, SOURCE_OF_A_MESSAGE, TOPIC_ID, Table, stats_on
from expectations.source_contract import source_contract

TABLES: dict[str, Table] = {
    "bronze.events": Table(
        grain="one row per message received, by topic, partition and offset",
        columns={
            **SOURCE_OF_A_MESSAGE,
            "key": "binary",
            "value": "binary COMMENT 'the message, direct identifiers replaced by tokens'",
            "sealed_by": "int COMMENT 'version of the key that key and value are encrypted with; null: they are not'",
            "decode_error": "string COMMENT 'why a framed message could not be made plain JSON; null: it is'",
            "received_date": "date",
            "size_bytes": "int COMMENT 'of the message as it came, before tokens made it longer'",
            **TOPIC_ID,
            "valid_by": "string COMMENT 'digest of the contract that it is valid by, but for its time; null: ask anew'",
            "event_hash": "bigint COMMENT 'of event_id, where it is also in time and may be counted; null: ask anew'",
        },
        partition_by=("received_date",),
        properties=stats_on("partition", "offset", "received_at"),
        renamed={"decode_error": "refusal"},
    ),
    "bronze.catalog": Table(
        grain="one row per landing and item: the last landing, and those that silver.catalog has not taken in",
        mended_by=RUN,
        columns={**source_contract("catalog").columns, **OF_A_LANDING},
        partition_by=("landing",),
        properties=stats_on("landed_at"),
    ),
    "bronze.crm": Table(
        grain="one row per landing and customer: the last landing, and those that silver.crm has not taken in",
        mended_by=RUN,
        columns={**source_contract("crm").kept, **OF_A_LANDING},
        partition_by=("landing",),
        properties=stats_on("landed_at"),
    ),
}

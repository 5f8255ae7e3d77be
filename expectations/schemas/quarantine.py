"""What was rejected, and why."""

from expectations.schemas.table import SOURCE_OF_A_MESSAGE, Table, stats_on

TABLES: dict[str, Table] = {
    "quarantine.events": Table(
        grain="one row per rejected message, by topic, partition and offset",
        job="silver.events",
        columns={
            **SOURCE_OF_A_MESSAGE,
            "key": "binary",
            "value": "binary",
            "sealed_by": "int COMMENT 'version of the key that key and value are encrypted with; null: they are not'",
            "event_id": "string COMMENT 'as far as it could be read'",
            "event_type": "string COMMENT 'as far as it could be read'",
            "reasons": "array<string> COMMENT 'every rule the message breaks, as field: what is wrong'",
            "contract_version": "int COMMENT 'of the contract that it was judged by'",
            "state": "string COMMENT 'open, replayed or discarded'",
        },
        properties=stats_on("partition", "offset", "received_at", "event_type", "state"),
    ),
}

"""What was rejected, and why."""

from expectations.schemas.table import OF_A_LANDING, SOURCE_OF_A_MESSAGE, TOPIC_ID, Table, stats_on

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
            "size_bytes": "int COMMENT 'of the message as it came'",
            **TOPIC_ID,
        },
        properties=stats_on("partition", "offset", "received_at", "event_type", "state"),
    ),
    "quarantine.sources": Table(
        grain="one row per rejected row of a batch source and landing",
        job="bronze.catalog",
        columns={
            "table_name": "string COMMENT 'the bronze table it was meant for'",
            **OF_A_LANDING,
            "origin": "string COMMENT 'where the source lies'",
            "place": "string COMMENT 'the file, or the table of a database'",
            "row_key": "string COMMENT 'as far as it could be read'",
            "row": "string COMMENT 'the fields as JSON; null where the row could not be parsed'",
            "unreadable": "binary COMMENT 'the text of a row that could not be parsed, encrypted'",
            "sealed_by": "int COMMENT 'version of the key that it is encrypted with'",
            "reasons": "array<string> COMMENT 'every rule the row breaks, as field: what is wrong'",
            "state": "string COMMENT 'open or discarded'",
        },
        partition_by=("table_name", "landing"),
        properties=stats_on("landed_at", "state"),
    ),
}

"""The accounts: what became of every message, and what was found of every table."""

from expectations.schemas.table import OF_A_LANDING, Table

TABLES: dict[str, Table] = {
    "ops.ledger": Table(
        grain="one row per topic, partition and micro-batch of silver.events: what became of its offsets",
        job="silver.events",
        columns={
            "topic": "string",
            "partition": "int",
            "first_offset": "bigint",
            "last_offset": "bigint",
            "received": "bigint",
            "kept": "bigint",
            "quarantined": "bigint",
            "duplicate": "bigint",
            "batch": "bigint",
        },
    ),
    "ops.daily_quality": Table(
        grain="one row per day of arrival, event type, measure and column",
        job="ops.daily_quality",
        columns={
            "day": "date COMMENT 'UTC day of received_at'",
            "event_type": "string COMMENT 'unknown where no type of the contract could be read'",
            "measure": "string COMMENT 'volume, rejected, rejected_share, null_share, distinct or psi'",
            "column_name": "string COMMENT '* where the measure is of whole events'",
            "value": "double",
            "events": "bigint COMMENT 'of how many events the measure was taken'",
            "measured_at": "timestamp",
        },
    ),
    "ops.alerts": Table(
        grain="one row per finding: a day, event type, measure and column, and the rule it breaks",
        job="ops.alerts",
        columns={
            "alert_id": "string COMMENT 'made of day, type, measure, column and rule'",
            "day": "date",
            "event_type": "string",
            "measure": "string",
            "column_name": "string",
            "rule": "string COMMENT 'unusual, drift or limit'",
            "value": "double",
            "expected": "double COMMENT 'the median of the weeks before, or the limit'",
            "score": "double COMMENT 'the robust z-score, or how many times the limit'",
            "state": "string COMMENT 'unsent, sent, or recorded where there was no webhook'",
            "raised_at": "timestamp",
            "sent_at": "timestamp",
        },
    ),
    "ops.quality": Table(
        grain="one row per table, expectation and check of it",
        job="quality.gate",
        columns={
            "checked_at": "timestamp",
            "table_name": "string",
            "table_version": "bigint",
            "expectation": "string",
            "column_name": "string",
            "success": "boolean",
            "observed": "string",
            "unexpected": "bigint",
            "rows": "bigint",
        },
    ),
    "ops.landings": Table(
        grain="one row per bronze table and landing: what was read; and per silver table and landing: what it changed",
        job="bronze.catalog",
        columns={
            "table_name": "string",
            **OF_A_LANDING,
            "origin": "string COMMENT 'where the source lies; never a login'",
            "mode": "string COMMENT 'full or incremental'",
            "rows": "bigint COMMENT 'good rows of the landing; of a silver table the rows now valid'",
            "quarantined": "bigint",
            "opened": "bigint COMMENT 'rows that became valid'",
            "closed": "bigint COMMENT 'rows that ceased to be'",
            "changed_column": "string",
            "watermark": "string COMMENT 'greatest value of changed_column read so far, where incremental goes on'",
            "files": "map<string, string> COMMENT 'each file read, and what tells one state of it from the next'",
        },
    ),
}

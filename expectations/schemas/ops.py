"""The accounts: what became of every message, and what was found of every table."""

from expectations.schemas.table import Table

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
            "refused": "bigint COMMENT 'behaviour that the person does not allow to be counted'",
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
}

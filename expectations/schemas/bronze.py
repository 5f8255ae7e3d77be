"""What was received, made safe to keep."""

from expectations.schemas.table import SOURCE_OF_A_MESSAGE, Table, stats_on

TABLES: dict[str, Table] = {
    "bronze.events": Table(
        grain="one row per message received, by topic, partition and offset",
        job="bronze.events",
        columns={
            **SOURCE_OF_A_MESSAGE,
            "key": "binary",
            "value": "binary COMMENT 'the message, direct identifiers replaced by tokens'",
            "sealed_by": "int COMMENT 'version of the key that key and value are encrypted with; null: they are not'",
            "received_date": "date",
        },
        partition_by=("received_date",),
        properties=stats_on("partition", "offset", "received_at"),
    ),
    "bronze.catalog": Table(
        grain="one row per product of the catalogue file as last landed",
        job="bronze.catalog",
        columns={
            "product_id": "string",
            "manufacturer_id": "string",
            "department": "string",
            "brand": "string",
            "product_category": "string",
            "product_type": "string",
            "package_size": "string",
        },
    ),
    "bronze.crm": Table(
        grain="one row per customer of the CRM file as last landed",
        job="bronze.crm",
        columns={
            "household_id": "string",
            "age": "string",
            "income": "string",
            "home_ownership": "string",
            "marital_status": "string",
            "household_size": "string",
            "household_comp": "string",
            "kids_count": "string",
        },
    ),
}

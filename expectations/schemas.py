"""Every table: its grain, the job that writes it, its columns in the order they are written.

A column's type is Spark DDL. Ids are strings as the shop sends them; times are UTC.
"""

from dataclasses import dataclass, field

from expectations.contract import contract, payload_type


@dataclass(frozen=True)
class Table:
    """What must be true of one Delta table. `grain` says what one row means."""

    grain: str
    job: str
    columns: dict[str, str]
    partition_by: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    @property
    def ddl(self) -> str:
        return ", ".join(f"`{name}` {type_}" for name, type_ in self.columns.items())


SOURCE_OF_A_MESSAGE = {
    "topic": "string",
    "partition": "int",
    "offset": "bigint",
    "received_at": "timestamp COMMENT 'when the broker took the message'",
}

CONTEXT = (
    "struct<device_type: string, os: string, country: string, language: string, referrer: string, "
    "campaign: string, page: string, ip: string, user_agent: string, source: string>"
)


def stats_on(*columns: str) -> dict[str, str]:
    """Delta keeps least and greatest values of these columns alone: of others they help no reader, cost every write,
    and would leave a person's data in the transaction log."""
    return {"delta.dataSkippingStatsColumns": ", ".join(f"`{column}`" for column in columns)}


DEPARTMENTS = "map<string, double>"

TABLES: dict[str, Table] = {
    "bronze.events": Table(
        grain="one row per message received, by topic, partition and offset",
        job="bronze.events",
        columns={
            **SOURCE_OF_A_MESSAGE,
            "key": "binary",
            "value": "binary COMMENT 'the message as received; not always JSON, not always UTF-8'",
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
    "silver.events": Table(
        grain="one row per valid event, by event_id",
        job="silver.events",
        columns={
            "event_id": "string",
            "event_type": "string",
            "schema_version": "int",
            "occurred_at": "timestamp",
            "user_id": "string",
            "anonymous_id": "string",
            "device_id": "string",
            "session_id": "string",
            "consent": "struct<analytics: boolean, personalisation: boolean, marketing: boolean>",
            "context": CONTEXT,
            "payload": payload_type(contract()),
            "extra": "map<string, string> COMMENT 'fields the contract does not know, as JSON text'",
            **SOURCE_OF_A_MESSAGE,
            "event_date": "date COMMENT 'the day of occurred_at'",
            "event_hash": "bigint COMMENT 'xxhash64 of event_id, by which it is kept unique'",
        },
        properties=stats_on("event_type", "occurred_at", "partition", "offset", "received_at", "event_date"),
    ),
    "quarantine.events": Table(
        grain="one row per rejected message, by topic, partition and offset",
        job="silver.events",
        columns={
            **SOURCE_OF_A_MESSAGE,
            "key": "binary",
            "value": "binary",
            "event_id": "string COMMENT 'as far as it could be read'",
            "event_type": "string COMMENT 'as far as it could be read'",
            "reasons": "array<string> COMMENT 'every rule the message breaks, as field: what is wrong'",
            "contract_version": "int COMMENT 'of the contract that it was judged by'",
            "state": "string COMMENT 'open, replayed or discarded'",
        },
        properties=stats_on("partition", "offset", "received_at", "event_type", "state"),
    ),
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
    "silver.interactions": Table(
        grain="one row per event and item",
        job="silver.interactions",
        columns={
            "event_id": "string",
            "event_type": "string",
            "person_id": "string COMMENT 'user_id, or anonymous_id before the visitor is known'",
            "item_id": "string",
            "occurred_at": "timestamp",
            "event_date": "date",
            "quantity": "double",
            "amount": "double COMMENT 'paid for the line, or the price shown'",
            "discount": "double",
            "order_id": "string",
            "store_id": "string",
            "source": "string COMMENT 'derived for generated events, null for real ones'",
        },
    ),
    "silver.items": Table(
        grain="one row per item: the catalogue, and items sold that it does not know",
        job="silver.items",
        columns={
            "item_id": "string",
            "name": "string COMMENT 'readable: product type, brand and size'",
            "department": "string",
            "brand": "string",
            "category": "string",
            "product_type": "string",
            "package_size": "string",
            "manufacturer_id": "string",
        },
    ),
    "silver.people": Table(
        grain="one row per person who sent an event or stands in the CRM",
        job="silver.people",
        columns={
            "person_id": "string",
            "first_seen": "timestamp",
            "last_seen": "timestamp",
            "events": "bigint",
            "age": "string",
            "income": "string",
            "home_ownership": "string",
            "marital_status": "string",
            "household_size": "string",
            "household_comp": "string",
            "kids_count": "string",
        },
    ),
    "gold.ratings": Table(
        grain="one row per person and item",
        job="gold.ratings",
        columns={
            "person_id": "string",
            "item_id": "string",
            "weight": "double COMMENT 'interactions weighted by type and decayed by age, free of quantity'",
            "purchases": "bigint COMMENT 'baskets with the item'",
            "last_at": "timestamp",
        },
    ),
    "gold.features": Table(
        grain="one row per person with a purchase: how they shop, all values 0 or more",
        job="gold.features",
        columns={
            "person_id": "string",
            "recency_days": "double",
            "baskets": "double",
            "lines": "double",
            "spend": "double",
            "mean_basket": "double COMMENT 'spend per basket'",
            "items": "double COMMENT 'different items bought'",
            "discount_share": "double COMMENT 'discount / (spend + discount), 0 to 1'",
            "departments": f"{DEPARTMENTS} COMMENT 'share of spend by department, 0 to 1'",
        },
    ),
    "gold.segments": Table(
        grain="one row per person and segment they are in",
        job="gold.segments",
        columns={
            "person_id": "string",
            "segment_id": "string",
            "name": "string",
            "distance": "double COMMENT 'to the centre, in standardised principal components'",
            "model_version": "string",
        },
    ),
    "gold.profiles": Table(
        grain="one row per person",
        job="gold.profiles",
        columns={
            "person_id": "string",
            "first_seen": "timestamp",
            "last_seen": "timestamp",
            "events": "bigint",
            "baskets": "bigint",
            "spend": "double",
            "recency_days": "double",
            "favourite_department": "string",
            "segment_id": "string",
            "segment": "string",
            "age": "string",
            "income": "string",
            "household_size": "string",
            "kids_count": "string",
        },
    ),
    "gold.person_factors": Table(
        grain="one row per MLflow run and person",
        job="train.als",
        columns={"run_id": "string", "person_id": "string", "factors": "array<float>"},
        partition_by=("run_id",),
    ),
    "gold.item_factors": Table(
        grain="one row per MLflow run and item",
        job="train.als",
        columns={"run_id": "string", "item_id": "string", "factors": "array<float>"},
        partition_by=("run_id",),
    ),
    "gold.recommendations": Table(
        grain="one row per person, slot and rank, of the last version",
        job="gold.recommendations",
        columns={
            "version": "string",
            "person_id": "string",
            "slot": "string COMMENT 'again: bought before; discover: new to the person'",
            "rank": "int",
            "item_id": "string",
            "score": "double",
            "reason": "string",
            "model": "string COMMENT 'model name and version'",
        },
    ),
    "gold.fallbacks": Table(
        grain="one row per segment and rank; segment everyone is what is popular with all",
        job="gold.fallbacks",
        columns={"segment_id": "string", "rank": "int", "item_id": "string", "score": "double"},
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

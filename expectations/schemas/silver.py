"""What is valid, unique and typed."""

from expectations.contract import committed_contract, payload_type
from expectations.schemas.table import REBUILD, RUN, SOURCE_OF_A_MESSAGE, TOPIC_ID, WHILE_VALID, Table, stats_on
from expectations.source_contract import source_contract

IDENTIFIERS = {
    "user_id": "string COMMENT 'as it came, as the other ids: whose they are jobs/people says'",
    "anonymous_id": "string",
    "device_id": "string",
}

CONTEXT = (
    "struct<device_type: string, os: string, country: string, language: string, referrer: string, "
    "campaign: string, page: string, ip: string, ip_network: string, user_agent: string, source: string>"
)

ATTRIBUTES = "map<string, string>"

TABLES: dict[str, Table] = {
    "silver.events": Table(
        grain="one row per valid event, by event_id",
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
            "payload": payload_type(committed_contract()),
            "extra": "map<string, string> COMMENT 'fields that the contract does not know by their path, text or JSON'",
            **SOURCE_OF_A_MESSAGE,
            "event_date": "date COMMENT 'the day of occurred_at'",
            "is_late": "boolean COMMENT 'it arrived streaming.late_hours or more after it occurred'",
            "event_hash": "bigint COMMENT 'xxhash64 of event_id, by which it is kept unique'",
            **TOPIC_ID,
        },
        properties=stats_on("event_type", "occurred_at", "partition", "offset", "received_at", "event_date"),
        grows=("payload",),
    ),
    "silver.interactions": Table(
        grain="one row per event and item",
        mended_by=REBUILD,
        columns={
            "event_id": "string",
            "event_type": "string",
            **IDENTIFIERS,
            "item_id": "string",
            "occurred_at": "timestamp",
            "event_date": "date",
            "quantity": "double",
            "amount": "double COMMENT 'paid for the line, or the price shown'",
            "discount": "double",
            "stars": "double COMMENT 'of a rating'",
            "currency": "string COMMENT 'of amount and discount; null: the own one of the settings'",
            "order_id": "string",
            "store_id": "string",
            "source": "string COMMENT 'derived for generated events, null for real ones'",
        },
    ),
    "silver.catalog": Table(
        grain="one row per item and time in which the catalogue said so",
        mended_by=RUN,
        columns={**source_contract("catalog").columns, **WHILE_VALID},
        properties=stats_on("valid_from", "valid_to"),
    ),
    "silver.crm": Table(
        grain="one row per customer and time in which the CRM said so",
        mended_by=RUN,
        columns={**source_contract("crm").kept, **WHILE_VALID},
        properties=stats_on("valid_from", "valid_to"),
    ),
    "silver.consents": Table(
        grain="one row per event and purpose on which it says something",
        mended_by=REBUILD,
        columns={
            "event_id": "string",
            **IDENTIFIERS,
            "purpose": "string COMMENT 'analytics, personalisation or marketing'",
            "is_granted": "boolean",
            "said_by": "string COMMENT 'person: in a consent event; client: its copy, sent with another event'",
            "valid_from": "timestamp COMMENT 'when it was said, or taken where it says later'",
            "recorded_at": "timestamp COMMENT 'when the broker took it'",
            "source": "string COMMENT 'where the person said it, such as banner'",
            "text_version": "string COMMENT 'of the text that the person was shown'",
        },
        properties=stats_on("purpose", "said_by", "valid_from", "recorded_at"),
    ),
    "silver.items": Table(
        grain="one row per item: the catalogue, and items sold that it does not know",
        mended_by=RUN,
        columns={
            "item_id": "string",
            "title": "string COMMENT 'never null: of brand and category, or the id, where the catalogue has none'",
            "description": "string",
            "categories": "array<string> COMMENT 'the path from the widest to the narrowest'",
            "brand": "string",
            "price": "double COMMENT 'for one, as the catalogue says'",
            "currency": "string",
            "availability": "string COMMENT 'in_stock, out_of_stock, preorder or backorder'",
            "link": "string",
            "image_link": "string",
            "group_id": "string COMMENT 'what the variants of one product share'",
            "published_at": "timestamp COMMENT 'when it was first offered'",
            "attributes": f"{ATTRIBUTES} COMMENT 'whatever else the catalogue says, by its own names'",
        },
    ),
    "silver.identity_links": Table(
        grain="one row per pair of identifiers, source and change of what it says of them",
        job="silver.identities",
        columns={
            "left_type": "string COMMENT 'user_id, crm_id, email, phone, device_id or anonymous_id'",
            "left_identifier": "string COMMENT 'as it came; of email and phone the token'",
            "right_type": "string COMMENT 'the weaker by identity.priority'",
            "right_identifier": "string",
            "source": "string COMMENT 'events, crm, linkage or operator'",
            "is_standing": "boolean COMMENT 'whether the source links them; false: not any more'",
            "received_at": "timestamp COMMENT 'when it was first said so'",
            "event_id": "string COMMENT 'of the event that said so first'",
            "cause": "string COMMENT 'login, identify, device, crm, linkage or operator'",
            "probability": "double COMMENT 'that they are one person, when linkage linked them; of other sources null'",
        },
        properties=stats_on("received_at"),
    ),
    "silver.identities": Table(
        grain="one row per identifier and time in which it belonged to a person",
        mended_by=RUN,
        columns={
            "identifier_type": "string COMMENT 'user_id, crm_id, email, phone, device_id or anonymous_id'",
            "identifier": "string COMMENT 'as it came; of email and phone the token'",
            "person_id": "string COMMENT 'their oldest identifier: a user_id as it is, else type:identifier'",
            "component": "bigint COMMENT 'the same for all that links would join if nobody had a limit'",
            "is_shared": "boolean COMMENT 'seen with so many others that it links nobody'",
            "received_at": "timestamp COMMENT 'when it was first received'",
            "cause": "string COMMENT 'login, identify, device, crm, linkage, operator, rules; seen: it came alone'",
            "event_id": "string COMMENT 'of the event that made it so'",
            "valid_from": "timestamp COMMENT 'when the lake learned it'",
            "valid_to": "timestamp COMMENT 'when the lake learned otherwise; null: still so'",
        },
        properties=stats_on("received_at", "valid_from", "valid_to"),
    ),
    "silver.identity_changes": Table(
        grain="one row per moment and pair of persons between whom identifiers moved",
        job="silver.identities",
        columns={
            "changed_at": "timestamp COMMENT 'when the lake learned it'",
            "from_person_id": "string",
            "person_id": "string COMMENT 'whose they are now'",
            "kind": "string COMMENT 'merge: nothing is left of the former person; split: something is'",
            "identifiers": "array<struct<identifier_type: string, identifier: string>>",
            "cause": "string COMMENT 'as in silver.identities'",
            "event_id": "string",
        },
        properties=stats_on("changed_at"),
    ),
    "silver.people": Table(
        grain="one row per pair of user_id and anonymous_id that sent an event, and per customer of the CRM",
        mended_by=RUN,
        columns={
            "user_id": "string",
            "anonymous_id": "string",
            "first_seen": "timestamp",
            "last_seen": "timestamp",
            "events": "bigint",
            "attributes": f"{ATTRIBUTES} COMMENT 'what the CRM says of the customer, by its own names'",
        },
    ),
}

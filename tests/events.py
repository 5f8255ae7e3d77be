"""Builders of messages for tests: `event(type, payload, **envelope)` with defaults that satisfy the contract."""

import json
from typing import Any

from pyspark.sql import DataFrame, SparkSession

PAYLOADS: dict[str, dict[str, Any]] = {
    "page_view": {"url": "/"},
    "product_view": {"item_id": "5", "price": 1.5},
    "search": {"query": "milk", "results": 3},
    "add_to_cart": {"item_id": "5", "quantity": 1},
    "remove_from_cart": {"item_id": "5", "quantity": 1},
    "add_to_wishlist": {"item_id": "5", "quantity": 1},
    "purchase": {
        "order_id": "1",
        "lines": [
            {"item_id": "1", "quantity": 1, "amount": 0.5, "discount": 0.0},
            {"item_id": "2", "quantity": 0.25, "amount": 1},
        ],
    },
    "return": {"order_id": "1", "lines": [{"item_id": "1", "quantity": 1, "amount": 0.5}]},
    "rating": {"item_id": "5", "stars": 4.5},
    "coupon_redeemed": {"coupon_id": "c"},
    "recommendation_shown": {"item_id": "5", "position": 1, "version": "v"},
    "recommendation_clicked": {"item_id": "5", "position": 1, "version": "v"},
    "consent": {"purposes": {"marketing": False}},
    "identify": {"device_id": "d"},
    "profile_update": {"attributes": {"a": 1, "b": "x"}},
}


def event(event_type: str = "product_view", *, without: str = "", **fields: Any) -> dict[str, Any]:
    """A valid event of that type, with fields replaced and one left out."""
    whole = {
        "event_id": "e-1",
        "event_type": event_type,
        "schema_version": 1,
        "occurred_at": "2017-03-01T10:15:02Z",
        "user_id": "9",
        "payload": PAYLOADS.get(event_type, {}),
        **fields,
    }
    whole.pop(without, None)
    return whole


def received(spark: SparkSession, messages: list[Any], first_offset: int = 0) -> DataFrame:
    """Messages (dict, str or bytes) as rows of bronze.events, one partition, received on 2018-01-01."""
    rows = []
    for number, message in enumerate(messages):
        text = json.dumps(message) if isinstance(message, dict) else message
        value = text.encode() if isinstance(text, str) else text
        rows.append(("events", 0, first_offset + number, None, value))
    frame = spark.createDataFrame(rows, "topic string, partition int, offset long, key binary, value binary")
    return frame.selectExpr(
        "*",
        "CAST(NULL AS int) AS sealed_by",
        "CAST(NULL AS int) AS size_bytes",
        "CAST(NULL AS string) AS decode_error",
        "CAST(NULL AS string) AS valid_by",
        "CAST(NULL AS bigint) AS event_hash",
        "'first' AS topic_id",
        "timestamp '2018-01-01 00:00:00' AS received_at",
        "date '2018-01-01' AS received_date",
    )

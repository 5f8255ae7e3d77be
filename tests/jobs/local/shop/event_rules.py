"""The event contract read by hand: judges the demo's messages, sharing no code with the pipeline."""

import json
import re
from datetime import UTC, datetime
from typing import Any

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
EVENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
NEEDED: dict[str, dict[str, type]] = {
    "purchase": {"order_id": str, "lines": list},
    "coupon_redeemed": {"coupon_id": str},
    "product_view": {"item_id": str},
    "add_to_cart": {"item_id": str, "quantity": int},
    "remove_from_cart": {"item_id": str, "quantity": int},
    "identify": {},
    "consent": {"purposes": dict},
}
PURPOSES = {"analytics", "personalisation", "marketing"}


def faults(key: bytes, value: bytes) -> list[str]:
    """Everything in which a message breaks the contract; an empty list is a valid message."""
    try:
        event = json.loads(value)
    except ValueError:
        return ["not JSON"]
    faults = [] if len(value) <= 256 * 1024 else ["too large"]
    if not EVENT_ID.fullmatch(str(event.get("event_id", ""))):
        faults.append("event_id")
    if event.get("schema_version") != 1:
        faults.append("schema_version")
    faults += _time(event.get("occurred_at"), _denies(event))
    who = [event.get("user_id"), event.get("anonymous_id")]
    if not any(who) or any(not isinstance(one, str) or not 1 <= len(one) <= 128 for one in who if one is not None):
        faults.append("who")
    elif key.decode() != (who[0] or who[1]):
        faults.append("key")
    if event.get("event_type") not in NEEDED:
        return [*faults, "event_type"]
    payload = event.get("payload")
    return faults + (_payload(event["event_type"], payload) if isinstance(payload, dict) else ["payload"])


def _denies(event: dict[str, Any]) -> bool:
    """Whether it is a withdrawal of consent, which no clock of a device makes invalid."""
    payload = event.get("payload")
    purposes = payload.get("purposes") if isinstance(payload, dict) else None
    return event.get("event_type") == "consent" and isinstance(purposes, dict) and False in purposes.values()


def _time(text: Any, may_be_impossible: bool) -> list[str]:
    if not isinstance(text, str) or not RFC3339.fullmatch(text):
        return ["occurred_at"]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ["occurred_at"]
    is_possible = datetime(2000, 1, 1, tzinfo=UTC) <= moment <= datetime.now(UTC)
    return [] if is_possible or may_be_impossible else ["occurred_at"]


def _payload(event_type: str, payload: dict[str, Any]) -> list[str]:
    faults = [name for name, kind in NEEDED[event_type].items() if type(payload.get(name)) is not kind]
    if faults:
        return faults
    if event_type == "purchase":
        return [fault for line in payload["lines"] for fault in _line(line)] + (
            [] if 1 <= len(payload["lines"]) <= 1000 and re.fullmatch("[A-Z]{3}", payload["currency"]) else ["lines"]
        )
    if event_type in ("add_to_cart", "remove_from_cart") and not 1 <= payload["quantity"] <= 10_000:
        return ["quantity"]
    if event_type == "identify" and not {"crm_id", "device_id", "anonymous_id"} & set(payload):
        return ["identify"]
    if event_type == "consent" and not (payload["purposes"] and set(payload["purposes"]) <= PURPOSES):
        return ["purposes"]
    return []


def _line(line: dict[str, Any]) -> list[str]:
    numbers: list[Any] = [line.get(name) for name in ("quantity", "amount", "discount")]
    good = isinstance(line.get("item_id"), str) and all(
        type(number) in (int, float) and 0 <= float(number) <= 1_000_000 for number in numbers
    )
    return [] if good else ["line"]

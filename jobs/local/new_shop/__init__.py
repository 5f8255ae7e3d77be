"""What `lakehouse init` writes for a shop to begin with: settings, sources, a contract, some events and a producer.

The files beside this one are copied as they stand, but for $NAMES of them; the events are made, so that they are of
the last days.
"""

import json
import random
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

COPIED = ("shop.toml", "produce.py", "sources/catalog.csv", "sources/crm.csv", "contracts/product_view.v2.json")
EVENTS = "events.jsonl"
FIRST_PORT = 19_200
CUSTOMERS = ("1001", "1002", "1003", "1004", "1005", "1006", "1007", "1008")
TASTES = (("TENT", "BAG", "LAMP"), ("BOOT", "SOCK", "WAX"), ("STOVE", "MUG", "KNIFE"))
"""Items of the sample catalogue that go together; each customer is of one taste, and of another now and then."""


def write(folder: Path, now: datetime) -> dict[str, bool]:
    """Each file by its path below the folder, and whether it was written now; one that is there is left alone."""
    names = _ports() | {"folder": folder.name}
    written = {}
    for name in (*COPIED, EVENTS):
        file = folder / name
        written[name] = not file.exists()
        if written[name]:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_events(now) if name == EVENTS else _copied(name, names), encoding="utf-8")
    return written


def _copied(name: str, names: dict[str, str]) -> str:
    text = resources.files("jobs").joinpath("local", "new_shop", name).read_text(encoding="utf-8")
    return Template(text).safe_substitute(names)


def _ports() -> dict[str, str]:
    """Ports that nobody listens on now, so that a second shop runs beside the first."""
    free = (port for port in range(FIRST_PORT, FIRST_PORT + 1_000) if _is_free(port))
    return {name: str(next(free)) for name in ("broker_port", "controller_port", "redis_port", "airflow_port")}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _events(now: datetime) -> str:
    return "".join(json.dumps(event) + "\n" for event in sorted(_of_customers(now), key=lambda one: one["occurred_at"]))


def _of_customers(now: datetime) -> Iterator[dict[str, Any]]:
    """Each customer agrees to be recommended to, looks at something every week for two months, and buys."""
    rng = random.Random(7)
    for number, customer in enumerate(CUSTOMERS):
        yield _event(f"consent-{customer}", "consent", customer, now - timedelta(days=61), purposes=_all_granted())
        for week in range(8):
            at = now - timedelta(days=60 - 7 * week, minutes=rng.randrange(600))
            items = TASTES[number % 3 if rng.random() < 0.8 else rng.randrange(3)]
            bought = rng.sample(items, rng.randrange(1, 3))
            order = f"{customer}-{week}"
            yield _event(f"view-{order}", "product_view", customer, at - timedelta(minutes=5), item_id=bought[0])
            lines = [{"item_id": item, "quantity": 1, "amount": 20.0 + len(item)} for item in bought]
            yield _event(f"order-{order}", "purchase", customer, at, order_id=order, currency="USD", lines=lines)
    # By a version of the contract that is this shop's own.
    view = _event("view-2", "product_view", CUSTOMERS[0], now - timedelta(days=1), item_id="BOOT", size="42")
    yield {**view, "schema_version": 2}


def _all_granted() -> dict[str, bool]:
    return {"analytics": True, "personalisation": True}


def _event(event_id: str, event_type: str, customer: str, at: datetime, **payload: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_type": event_type,
        "schema_version": 1,
        "occurred_at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "user_id": customer,
        "payload": payload,
    }

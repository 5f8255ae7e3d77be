"""`python -m tests.releases.make NAME`: a small lake as the code of today makes it, into tests/releases/NAME.tar.gz.

Only what a user has is used: the command line and Kafka. So the same file makes the lake of every later release. The
archive holds the lake, with the checkpoints of its streams, the sources, and what the topic held by partition
(`messages.json`), so that a test can give a topic the same messages at the same offsets and go on from there.
"""

import base64
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from confluent_kafka import Producer

from tests.conftest import free_port
from tests.events import PAYLOADS, event

FOLDER = Path(__file__).parent
TOPIC, PARTITIONS, PEOPLE, ITEMS = "events", 2, 40, 12
AS_OF = "2018-01-01T00:00"
SECRET = base64.b64encode(b"a secret for this lake alone, 32").decode()
LAND = ("bronze.events", "silver.events", "silver.interactions", "silver.consents")
SOURCES = ("bronze.catalog", "bronze.crm", "silver.catalog", "silver.crm", "silver.items", "silver.people")
DECIDE = (
    *(
        "gold.ratings",
        "gold.features",
        "gold.sessions",
        "train.als",
        "train.personas",
        "train.intent",
        "gold.segments",
        "gold.profiles",
    ),
    *("gold.recommendations", "gold.fallbacks", "quality.gate", "ops.daily_quality", "ops.alerts"),
)
CATALOG = "product_id,manufacturer_id,department,brand,product_category,product_type,package_size"
CRM = "household_id,age,income,home_ownership,marital_status,household_size,household_comp,kids_count"


def environment(home: Path) -> dict[str, str]:
    """The variables that lead the commands to an installation of its own below `home`."""
    ports = {name: str(free_port()) for name in ("BROKER", "CONTROLLER", "REDIS")}
    return {
        "LAKEHOUSE_HOME": str(home),
        **{f"LAKEHOUSE_LOCAL__{name}_PORT": port for name, port in ports.items()},
        "PERSONALIZATION_TOKEN_SECRET_V1": SECRET,
        "PERSONALIZATION_PAYLOAD_KEY_V1": SECRET,
        "LAKEHOUSE_KAFKA__PARTITIONS": str(PARTITIONS),
        "LAKEHOUSE_SPARK__SHUFFLE_PARTITIONS": "1",
        "LAKEHOUSE_ALS__RANK": "4",
        "LAKEHOUSE_ALS__ITERATIONS": "2",
        "LAKEHOUSE_ALS__MIN_PEOPLE": "2",
        "LAKEHOUSE_ALS__BLOCKS": "1",
        "LAKEHOUSE_EVALUATION__METRIC": "new.coverage",
        "LAKEHOUSE_PERSONAS__K_MIN": "2",
        "LAKEHOUSE_PERSONAS__K_MAX": "2",
        "LAKEHOUSE_PERSONAS__ALGORITHMS": "kmeans",
    }


def first_messages() -> list[Any]:
    """Every event type, purchases of everyone, and what is broken, doubled, unknown or names somebody."""
    rng = Random(7)
    sent: list[Any] = [event(kind, event_id=f"e-{kind}", user_id="1") for kind in PAYLOADS]
    for person in range(1, PEOPLE + 1):
        for basket in range(6):
            items = rng.sample(range(1, ITEMS + 1), 1 + person % 4)
            lines = [{"item_id": str(item), "quantity": 1, "amount": 1 + item / 10, "discount": 0.1} for item in items]
            at = f"2017-{12 if basket > 3 else 5 + basket:02d}-{1 + person % 27:02d}T10:{basket:02d}:00Z"
            order = {"order_id": f"{person}-{basket}", "lines": lines}
            sent.append(
                event("purchase", event_id=f"p-{person}-{basket}", user_id=str(person), occurred_at=at, payload=order)
            )
        granted = {"purposes": {"personalisation": person != 3, "analytics": True}}
        sent.append(event("consent", event_id=f"c-{person}", user_id=str(person), payload=granted))
    mail = {"email": "ola@mail.example", "anonymous_id": "a-1"}
    sent += [
        event("identify", event_id="e-mail", payload=mail),
        event(event_id="e-extra", colour="red", consent={"analytics": False, "personalisation": False}),
        event(event_id="e-visitor", without="user_id", anonymous_id="a-1", device_id="d-1"),
        event(event_id="e-page", without="user_id", anonymous_id="a-2", context={"country": "PL", "ip": "203.0.113.9"}),
        event("purchase", event_id="p-1-0", user_id="1"),
        "{",
        event(event_id="e-price", payload={"item_id": "5", "price": "much"}),
        event(event_id="e-late", occurred_at="yesterday"),
        event(event_id="e-nobody", without="user_id"),
    ]
    return sent


def second_messages() -> list[Any]:
    """What comes later: a visitor who withdraws, one more purchase, one more that is broken."""
    return [
        event("consent", event_id="c-4b", user_id="4", occurred_at="2017-12-30T10:00:00Z",
              payload={"purposes": {"personalisation": False}}),
        event("purchase", event_id="p-5-9", user_id="5", occurred_at="2017-12-30T11:00:00Z"),
        event("rating", event_id="r-9", user_id="6", payload={"item_id": "3", "stars": 4.3}),
    ]  # fmt: skip


def by_partition(messages: list[Any]) -> list[list[str]]:
    """The messages as text, in turn to each partition."""
    texts = [json.dumps(message) if isinstance(message, dict) else message for message in messages]
    return [texts[partition::PARTITIONS] for partition in range(PARTITIONS)]


def send(bootstrap: str, parts: list[list[str]], topic: str = TOPIC) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    for partition, texts in enumerate(parts):
        for text in texts:
            producer.produce(topic, text.encode(), partition=partition)
    if producer.flush(30):
        raise RuntimeError("the broker did not take all messages")


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        variables = environment(home)

        def lakehouse(*words: str) -> None:
            command = [str(Path(sys.executable).parent / "lakehouse"), *words]
            subprocess.run(command, env={**os.environ, **variables}, check=True)

        (home / "sources").mkdir(parents=True)
        products = [f"{n},m{n % 3},{'FOOD' if n % 2 else 'DRINKS'},National,CAT,TYPE {n},1 OZ" for n in range(1, ITEMS)]
        (home / "sources" / "catalog.csv").write_text("\n".join([CATALOG, *products, ""]), encoding="utf-8")
        households = [f"{n},35-44,50-74K,Homeowner,Married,{n % 4 + 1},,0" for n in range(1, PEOPLE)]
        (home / "sources" / "crm.csv").write_text("\n".join([CRM, *households, ""]), encoding="utf-8")
        lakehouse("up")
        bootstrap = f"127.0.0.1:{variables['LAKEHOUSE_LOCAL__BROKER_PORT']}"
        parts = [by_partition(first_messages()), by_partition(second_messages())]
        try:
            send(bootstrap, parts[0])
            lakehouse("run", *LAND, *SOURCES, "--as-of", AS_OF)
            send(bootstrap, parts[1])
            lakehouse("run", *LAND, *SOURCES[-2:], *DECIDE, "--as-of", AS_OF)
            lakehouse("quarantine", "discard", "--reason", "both missing")
        finally:
            lakehouse("down")
        held = [first + second for first, second in zip(*parts, strict=True)]
        (home / "messages.json").write_text(json.dumps(held), encoding="utf-8")
        with tarfile.open(FOLDER / f"{name}.tar.gz", "w:gz", compresslevel=9) as archive:
            for kept in ("lake", "sources", "messages.json"):
                archive.add(home / kept, kept, filter=_nameless)


def _nameless(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main(sys.argv[1])

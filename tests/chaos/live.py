"""The live jobs killed while a shop sends: afterwards Redis says of everybody what the lake does.

Twenty times, at drawn instants, the one process that runs live.consents, live.identities and live.segments is killed
with all that it started. Then the same topic is landed, and gold.segments worked out of it.
"""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from confluent_kafka import Producer

from jobs.bronze import events as bronze_events
from jobs.gold import segments as gold_segments
from jobs.job import Options
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.live import consents as live_consents
from jobs.live import identities as live_identities
from jobs.live import segments as live_segments
from jobs.live.segment_state import look_at_due
from jobs.local import services
from jobs.publish import identities as publish_identities
from jobs.redis_store.client import connect
from jobs.redis_store.keys import Keys
from jobs.segments import rule_sets
from jobs.silver import consents as silver_consents
from jobs.silver import events as silver_events
from jobs.silver import identities as silver_identities
from tests.chaos.installation import ANSWER_SECONDS, Tally, kill
from tests.conftest import free_port, settings_under
from tests.events import event

KILLS = 20
PEOPLE, PER_SECOND = 60, 40
AT_LEAST, AT_MOST = 2.0, 10.0
"""Seconds that a process may live after its first batch can have begun."""

RULES = """
[lately]
title = "Put something into the cart in the last seconds"
purpose = "personalisation"
owner = "web"
rule = 'any("add_to_cart", within="20s")'

[holders]
title = "Has something in the cart"
purpose = "personalisation"
owner = "web"
rule = 'any("add_to_cart", within="24h") and not any("purchase", after=last("add_to_cart"))'

[regulars]
title = "Bought more than three times"
purpose = "analytics"
owner = "crm"
rule = 'count("purchase", within="30d") > 3'

[spenders]
title = "Spent more than 10"
purpose = "marketing"
owner = "crm"
rule = 'sum("purchase", "amount", within="30d") > 10 and not member("lately")'

[followers]
title = "Looked, and bought without a search in between"
purpose = "analytics"
owner = "web"
rule = 'sequence("product_view", "purchase", gap="1h", without="search")'

[strangers]
title = "Looked at something, and never bought"
purpose = "personalisation"
owner = "web"
rule = 'any("product_view", within="24h") and not any("purchase")'
"""
TYPES = ("product_view", "product_view", "search", "add_to_cart", "add_to_cart", "purchase", "page_view")


@dataclass
class LiveShop:
    """`lake`: on a topic, a Redis prefix and rules of its own. `environment`: the same for a process."""

    lake: Lake
    environment: dict[str, str]
    rng: Random
    tally: Tally
    sent: int = 0

    def send(self, many: int) -> None:
        """Events of now and of earlier, some twice, some of two identifiers, some that say what somebody allows."""
        kafka = self.lake.settings.kafka
        producer = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True})
        for _ in range(many):
            message, times = self._message(), 2 if self.rng.random() < 0.1 else 1
            for _ in range(times):
                producer.produce(kafka.topic, json.dumps(message).encode(), str(message["event_id"]).encode())
            self.sent += times
        if producer.flush(60):
            raise RuntimeError("the broker did not take all messages")

    def _message(self) -> dict[str, Any]:
        number, late = self.rng.randrange(PEOPLE), self.rng.choice([0, 0, 0, 15, 3_600, 40 * 86_400])
        at = (datetime.now(UTC) - timedelta(seconds=late)).isoformat()
        user, visitor = f"u-{number}", f"v-{number}"
        ids = self.rng.choice([{"user_id": user}, {"user_id": None, "anonymous_id": visitor}])
        common = {"event_id": uuid.UUID(int=self.rng.getrandbits(128)).hex, "occurred_at": at}
        drawn = self.rng.random()
        if drawn < 0.03:
            return event("identify", **common, user_id=user, anonymous_id=visitor)
        if drawn < 0.06:
            # Of analytics nothing: what it refuses at the door hangs on when a message lands, here long after.
            says = {self.rng.choice(["personalisation", "marketing"]): self.rng.random() < 0.7}
            return event("consent", **common, **ids, payload={"purposes": says})
        return event(self.rng.choice(TYPES), **common, **ids)

    def process(self) -> "subprocess.Popen[str]":
        names = [job.NAME for job in (live_consents, live_identities, live_segments)]
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("lakehouse")), "streams", "run", *names, "--port", str(free_port())],
            env={**os.environ, **self.environment},
            cwd=self.lake.settings.project,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def in_redis(self) -> set[tuple[str, str]]:
        client, prefix = connect(self.lake.settings.redis), Keys(self.lake.settings.redis.prefix).segments("")
        return {
            (name.removeprefix(prefix), segment)
            for name in client.scan_iter(f"{prefix}*", count=1000)
            for segment in client.hkeys(name)
        }

    def in_lake(self) -> set[tuple[str, str]]:
        rows = tables.read(self.lake, gold_segments.TABLE).where("source = 'rule'").collect()
        return {(row["person_id"], row["segment_id"]) for row in rows}

    def compare(self) -> None:
        """Both up to the end of the topic: no window ends any more. What each says, and that changes tell the same."""
        for job in (live_consents, live_identities, live_segments):
            job.main(self.lake, Options(datetime.now(UTC)))
        for job in (bronze_events, silver_events, silver_consents, silver_identities, publish_identities):
            job.main(self.lake, Options(datetime.now(UTC)))
        settle(self.lake)
        gold_segments.main(self.lake, Options(datetime.now(UTC)))
        live, batch = self.in_redis(), self.in_lake()
        self.tally.lost += len(batch - live)
        self.tally.differences += [f"live.segments lacks {person} in {name}" for person, name in sorted(batch - live)]
        self.tally.differences += [f"live.segments has {person} in {name}" for person, name in sorted(live - batch)]
        told = self.by_changes()
        self.tally.differences += [f"the changes tell other of {person} in {name}" for person, name in told ^ live]

    def by_changes(self) -> set[tuple[str, str]]:
        """Who entered and did not leave since; entering twice is a difference."""
        settings, inside = self.lake.settings, set[tuple[str, str]]()
        for _, fields in connect(settings.redis).xrange(Keys(settings.redis.prefix).segment_changes):
            key = (fields["person"], fields["segment"])
            if (fields["kind"] == "enter") is (key in inside):
                self.tally.doubled += 1
                self.tally.differences.append(f"{fields} is told twice")
            inside ^= {key}
        return inside


def settle(lake: Lake) -> None:
    """The clock's work, until nobody is due: the windows of seconds are over then."""
    client, keys = connect(lake.settings.redis), Keys(lake.settings.redis.prefix)
    membership = live_segments.membership_of(lake, rule_sets.current(lake))
    until = time.monotonic() + ANSWER_SECONDS
    while look_at_due(client, keys, membership) or client.zcount(keys.due, "-inf", (time.time() + 60) * 1_000_000):
        if time.monotonic() > until:
            raise RuntimeError("people are due without an end")
        time.sleep(0.2)


def shop_beside(lake: Lake, environment: dict[str, str], folder: Path, rng: Random, tally: Tally) -> LiveShop:
    """A shop at the same broker and the same Redis, with all else of its own. Everybody allows all until they say
    other."""
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    variables = {
        "LAKEHOUSE_KAFKA__TOPIC": "chaos-live",
        "LAKEHOUSE_LAKE__ROOT": str(folder / "lake_of_live"),
        "LAKEHOUSE_REDIS__PREFIX": "chaos",
        "LAKEHOUSE_SEGMENTS__FILE": str(folder / "rules.toml"),
        "LAKEHOUSE_CONSENT__PERSONALISATION": "true",
        "LAKEHOUSE_CONSENT__MARKETING": "true",
    }
    own = {**environment, **variables}
    settings = settings_under(own)
    services.ensure_topic(settings)
    own_lake = Lake(lake.spark, settings)
    tables.create(own_lake, "silver.crm", "silver.items", "silver.people")
    return LiveShop(own_lake, own, rng, tally)


@contextmanager
def sending(shop: LiveShop) -> Iterator[None]:
    """A steady shop beside the block."""
    stop = threading.Event()

    def send() -> None:
        while not stop.wait(1.0):
            shop.send(PER_SECOND)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def killed(shop: LiveShop, times: int) -> None:
    """Each process is killed after a drawn time in which live.segments runs; the next one carries on."""
    with sending(shop):
        for number in range(times):
            process = shop.process()
            _until_running(process)
            time.sleep(shop.rng.uniform(AT_LEAST, AT_MOST))
            if not kill(process):
                raise RuntimeError(f"the live jobs ended by themselves: {process.returncode}")
            shop.tally.count(shop.tally.kills, "the live jobs, at random")
            print(f"live: {number + 1} kills, {shop.sent:,} messages", flush=True)


def _until_running(process: "subprocess.Popen[str]") -> None:
    """Until Spark is up and the last of the streams is told of; the rest of what it says is read beside."""
    assert process.stderr is not None
    for line in process.stderr:
        if f"{live_segments.NAME}: running" in line:
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return
    raise RuntimeError(f"the live jobs ended with {process.wait()} before they ran")

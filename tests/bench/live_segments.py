"""segments_live: how long after an event its person is in the segment in Redis, and after a window's end out of it."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil

from jobs.lake.lake import Lake
from jobs.live.segments import NAME
from jobs.local import services
from jobs.local.shop.message import Message
from jobs.local.shop.outbox import Outbox
from jobs.redis_store.client import connect
from jobs.redis_store.keys import Keys
from jobs.redis_store.live_segments import begun_by
from jobs.settings.loading import Settings
from tests.bench.clock import result
from tests.bench.messages import outbox
from tests.bench.segments import OF_TYPES
from tests.bench.segments_by_hand import STATEMENTS
from tests.events import event
from tests.other_lake import changed
from tests.processes import answers

PEOPLE, ITEMS = 20_000, 5_000
WARM_SECONDS, SECONDS = 60, 300
RATES = (200, 2_000)
PROBED = "cart_holders"
WINDOW = 30
"""Seconds that a probe stays in its segment."""

PROBES = 0.02
"""So many of the events are the only one of their visitor, whose entry and exit are timed."""

TICK = 0.05
Changes = dict[tuple[str, str], float]
"""When a probe entered and left, by it and the kind of change, in seconds by Redis's clock."""


def case(lake: Lake) -> dict[str, Any]:
    own = changed(lake, kafka={"topic": "of-segments"}, redis={"prefix": "bench"}).settings
    services.ensure_topic(own)
    rules = Path(own.home) / "rules.toml"
    rules.write_text(_rules(), encoding="utf-8")
    environment = {
        **os.environ,
        "LAKEHOUSE_KAFKA__TOPIC": own.kafka.topic,
        "LAKEHOUSE_REDIS__PREFIX": own.redis.prefix,
        "LAKEHOUSE_SEGMENTS__FILE": str(rules),
        "LAKEHOUSE_SPARK__DRIVER_MEMORY": "1g",
        "LAKEHOUSE_CONSENT__PERSONALISATION": "true",
        "LAKEHOUSE_CONSENT__MARKETING": "true",
    }
    lakehouse = os.path.join(os.path.dirname(sys.executable), "lakehouse")
    command = [lakehouse, "run", "live.segments", "--continuous"]
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    changes: Changes = {}
    stop = threading.Event()
    reader = threading.Thread(target=_read, args=(own, changes, stop), daemon=True)
    reader.start()
    try:
        keys = Keys(own.redis.prefix)
        _until(lambda: begun_by(connect(own.redis), keys) not in ("", f"{NAME} begins"))
        _sent(own, RATES[0], WARM_SECONDS, running, changes)
        figures = {rate: _sent(own, rate, SECONDS, running, changes) for rate in RATES}
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(60)
        stop.set()
        reader.join()
    most = figures[RATES[-1]]
    return result(
        most["entry_p99"],
        f"s from an event to its person in the segment in Redis, 99th percentile at {RATES[-1]:,} events/s",
        "s between micro-batches",
        own.live.trigger_seconds,
        RATES[-1] * SECONDS,
        rules=len(STATEMENTS),
        **{f"at_{rate}": of_rate for rate, of_rate in figures.items()},
    )


def _rules() -> str:
    """20 of those that ship; of what is in the cart now for half a minute."""
    with open("conf/segments.toml", "rb") as file:
        shipped = tomllib.load(file)
    tables = {name: shipped[name] for name in STATEMENTS}
    tables[PROBED]["rule"] = tables[PROBED]["rule"].replace('"30m"', f'"{WINDOW}s"')
    keys = ("title", "purpose", "owner", "rule")
    of_each = {name: "\n".join(f"{key} = '''{one[key]}'''" for key in keys) for name, one in tables.items()}
    return "\n".join(f"[{name}]\n{text}\n" for name, text in of_each.items())


def _sent(
    settings: Settings, rate: int, seconds: int, running: "subprocess.Popen[bytes]", changes: Changes
) -> dict[str, Any]:
    """Sends at a steady rate; waits until the last probe is out again; how long it took, and what grew."""
    draw = random.Random(rate + seconds)
    sending, sent, memory = outbox(settings, linger_ms=5), dict[str, float](), []
    types, weights = zip(*OF_TYPES, strict=True)
    began, many = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        for _ in range(int(passed * rate) - many):
            _send_one(sending, sent, draw, draw.choices(types, weights)[0], f"{rate}-{seconds}-{many}")
            many += 1
        if passed // 60 >= len(memory):
            memory.append(_memory(settings, running))
        time.sleep(TICK)
    sending.close()
    _until(lambda: all((name, "leave") in changes for name in sent))
    memory.append(_memory(settings, running))
    entered = [changes[name, "enter"] - at for name, at in sent.items()]
    left = [changes[name, "leave"] - at - WINDOW for name, at in sent.items()]
    of = {"entry": quantiles(entered, n=100), "exit": quantiles(left, n=100)}
    figures = {f"{kind}_p{nth}": round(of[kind][nth - 1], 2) for kind in of for nth in (50, 95, 99)}
    figures |= {"probes": len(sent), "mib_by_minute": memory}
    print(f"segments_live at {rate:,}/s: {figures}", flush=True)
    return figures


def _send_one(sending: Outbox, sent: dict[str, float], draw: random.Random, event_type: str, event_id: str) -> None:
    at, item = time.time(), f"item-{draw.randrange(ITEMS)}"
    common = {"event_id": event_id, "occurred_at": datetime.fromtimestamp(at, UTC).isoformat()}
    if draw.random() < PROBES:
        sent[f"anonymous_id:{event_id}"] = at
        message = event("add_to_cart", user_id=None, anonymous_id=event_id, **common)
        sending.put(Message(event_id.encode(), json.dumps(message).encode(), 0, "add_to_cart"))
        return
    of_type: dict[str, dict[str, Any]] = {
        "purchase": {"order_id": event_id, "lines": [{"item_id": item, "quantity": 1, "amount": draw.random() * 80}]},
        "search": {"query": "boots", "results": draw.randrange(10)},
        "rating": {"item_id": item, "stars": draw.randrange(1, 11) / 2},
        "product_view": {"item_id": item, "price": 1.5},
    }
    user = str(int(draw.random() ** 2 * PEOPLE))
    further = {"payload": of_type[event_type]} if event_type in of_type else {}
    context = {"device_type": draw.choice(["mobile", "app", "desktop", "tablet"])}
    message = event(event_type, user_id=user, context=context, **common, **further)
    sending.put(Message(user.encode(), json.dumps(message).encode(), 0, event_type))


def _read(settings: Settings, changes: Changes, stop: threading.Event) -> None:
    client, stream, last = connect(settings.redis), Keys(settings.redis.prefix).segment_changes, "0"
    while not stop.is_set():
        for _, entries in client.xread({stream: last}, count=10_000, block=500) or ():
            for last, fields in entries:
                if fields["segment"] == PROBED:
                    changes[fields["person"], fields["kind"]] = int(last.partition("-")[0]) / 1000


def _until(holds: Callable[[], bool], patience: float = 120) -> None:
    until = time.monotonic() + patience
    while not holds():
        if time.monotonic() > until:
            raise RuntimeError("live.segments did not come to it in time")
        time.sleep(0.2)


def _memory(settings: Settings, running: "subprocess.Popen[bytes]") -> dict[str, int]:
    """MiB of the job, its JVM included, and of Redis."""
    process = psutil.Process(running.pid)
    family = [process, *process.children(recursive=True)]
    rss = sum(memory.rss for _, memory in answers(family, psutil.Process.memory_info))
    return {"job": rss >> 20, "redis": int(connect(settings.redis).info("memory")["used_memory"]) >> 20}

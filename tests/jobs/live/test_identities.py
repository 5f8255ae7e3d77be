"""live.identities: who became one person, on a real Redis, beside silver.identities on the same events."""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from jobs import job
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing.outcomes import as_events, as_judged
from jobs.landing.reading import reader_of
from jobs.live import identities as live
from jobs.live.valid_events import micros, valid_events
from jobs.local import services
from jobs.people import operator_links
from jobs.people.identifier import Identifier
from jobs.people.identity import current_identities, own_person_id
from jobs.people.rules import identity_rules
from jobs.people.sightings import as_links, as_sightings, is_identifier, links_in, names_somebody
from jobs.publish import identities as publish
from jobs.redis_store.client import connect
from jobs.redis_store.keys import Keys, pair_of, pair_text
from jobs.redis_store.reading import person_of
from jobs.settings.loading import Settings
from jobs.silver import identities as silver
from tests.events import event, received
from tests.jobs.live.test_consents import AS_OF, send
from tests.other_lake import changed

NOTHING_ELSE = job.Options(AS_OF)


@pytest.fixture
def own(lake: Lake, local_services: Settings) -> Iterator[Lake]:
    """The empty lake, with an empty topic and a prefix in Redis of its own; a device of more than three is shared."""
    name = f"live-{uuid.uuid4().hex[:12]}"
    own = changed(lake, kafka={"topic": name, "partitions": 2}, redis={"prefix": name}, identity={"most_people": 3})
    services.ensure_topic(own.settings)
    tables.create(own, "silver.crm")
    yield own
    client = connect(own.settings.redis)
    for key in client.scan_iter(f"{Keys(name).tag}:*"):
        client.delete(key)


def visit(**ids: Any) -> dict[str, Any]:
    return event("page_view", event_id=uuid.uuid4().hex, **{"user_id": None, **ids})


def identified(payload: dict[str, str], **ids: Any) -> dict[str, Any]:
    return event("identify", event_id=uuid.uuid4().hex, payload=payload, **{"user_id": None, **ids})


def in_silver(own: Lake, messages: list[Any]) -> None:
    kept = as_judged(received(own.spark, messages), committed_contract()).where("size(reasons) = 0")
    tables.create(own, "silver.events")
    tables.append(own, "silver.events", as_events(kept.withColumn("outcome", F.lit("kept")), late_hours=24))
    silver.main(own, NOTHING_ELSE)


def in_lake(own: Lake) -> dict[str, str]:
    name = own_person_id(F.col("identifier_type"), F.col("identifier"))
    return {row[0]: row[1] for row in current_identities(own).select(name, "person_id").collect()}


def in_redis(own: Lake, ids: Any) -> dict[str, str]:
    client, keys = connect(own.settings.redis), Keys(own.settings.redis.prefix)
    return {one: person_of(client, keys, one) for one in ids}


def test_a_login_is_followed_at_once_and_the_lake_agrees_and_corrects(own: Lake) -> None:
    rng = random.Random(3)
    simple = [visit(user_id=f"u{n}", anonymous_id=f"a{n}-{k}") for n in range(8) for k in range(3)]
    simple += [identified({"crm_id": f"c{n}", "device_id": f"d{n}"}, user_id=f"u{n}") for n in range(4)]
    shared = [visit(user_id=f"k{n}", device_id="kiosk", anonymous_id="at-the-kiosk") for n in range(6)]
    messages = rng.sample([*simple, *simple[:5]], len(simple) + 5) + shared
    send(own.settings, *messages, "{", visit(anonymous_id="undefined", user_id="u0"))
    live.main(own, NOTHING_ELSE)
    for n in range(4):
        theirs = [f"u{n}", f"crm_id:c{n}", f"device_id:d{n}", *(f"anonymous_id:a{n}-{k}" for k in range(3))]
        assert len({*in_redis(own, theirs).values()}) == 1, theirs
    assert len({*in_redis(own, [f"k{n}" for n in range(6)]).values()}) == 6, "users are no one another"
    in_silver(own, messages)
    publish.main(own, NOTHING_ELSE)
    known = in_lake(own)
    assert known["device_id:kiosk"] == "device_id:kiosk", "more than three share it"
    assert in_redis(own, known) == known, "and Redis says the same of everybody"
    again = [visit(user_id="k9", device_id="kiosk"), visit(user_id="new", anonymous_id="fresh")]
    send(own.settings, *again)
    live.main(own, NOTHING_ELSE)
    publish.main(own, NOTHING_ELSE)
    assert in_redis(own, ["device_id:kiosk", "anonymous_id:fresh"]) == {
        "device_id:kiosk": "device_id:kiosk",  # links nobody, whoever comes
        "anonymous_id:fresh": "new",  # the lake does not know it yet, and leaves it
    }


def test_what_an_operator_split_is_not_linked_again(own: Lake) -> None:
    messages = [visit(user_id="9", anonymous_id="v")]
    send(own.settings, *messages)
    live.main(own, NOTHING_ELSE)
    in_silver(own, messages)
    operator_links.split(own, Identifier("anonymous_id", "v"))
    publish.main(own, NOTHING_ELSE)
    send(own.settings, visit(user_id="9", anonymous_id="v"))
    live.main(own, NOTHING_ELSE)
    assert in_redis(own, ["anonymous_id:v"]) == {"anonymous_id:v": "anonymous_id:v"}


def test_what_an_event_links_is_the_same_live_and_in_the_lake(own: Lake) -> None:
    rng, rules = random.Random(5), identity_rules(own.settings)
    values = [
        None,
        None,
        "x",
        "1",
        "null",
        " Guest ",
        "0000-0000",
        "a-a-a-a-aaaa-a",
        "aaaaaaa",
        "ünï",
        "",
        "  ",
        "é" * 9,
    ]
    messages: list[Any] = []
    for _ in range(300):
        ids = {name: rng.choice(values) for name in ("user_id", "anonymous_id", "device_id")}
        payload = {name: rng.choice([one for one in values if one]) for name in rng.sample(["crm_id", "device_id"], 1)}
        messages.append(identified(payload, **ids) if rng.random() < 0.5 else visit(**ids))
    kept = as_judged(received(own.spark, messages), committed_contract()).where("size(reasons) = 0")
    events = as_events(kept.withColumn("outcome", F.lit("kept")), late_hours=24)
    columns = ("left_type", "left_identifier", "right_type", "right_identifier")
    in_batch = {tuple(row) for row in as_links(as_sightings(events, rules)).select(*columns).collect()}
    arrived = [(json.dumps(message).encode(), micros(AS_OF + timedelta(days=500))) for message in messages]
    heard = valid_events(arrived, committed_contract(), reader_of(own.settings).protection)
    one_by_one = {(*left, *right) for one in heard for left, right in links_in(one.fields, rules)}
    assert len(in_batch) > 20 and one_by_one == in_batch
    rows = own.spark.createDataFrame([(one,) for one in values if one is not None], "value string")
    told = rows.select("value", is_identifier(F.col("value"), rules)).collect()
    assert [(row[0], names_somebody(row[0], rules)) for row in told] == [tuple(row) for row in told]


def test_a_pair_is_read_back_as_it_was_written() -> None:
    for pair in (("900", "anonymous_id:a b"), ("1:2", "3"), ("ü\n", ""), ("", "x:")):
        assert pair_of(pair_text(*pair)) == pair

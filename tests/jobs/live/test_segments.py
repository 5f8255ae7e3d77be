"""live.segments on a real topic and a real Redis: from a message to a membership, and begun anew from the lake."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from jobs import job
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing.outcomes import as_events, as_judged
from jobs.live import consents as live_consents
from jobs.live import segments as live
from jobs.live.segment_lookups import versions
from jobs.live.segment_state import NoState
from jobs.local import services
from jobs.redis_store.client import connect
from jobs.redis_store.keys import Keys
from jobs.segments import membership, rule_sets
from jobs.silver import consents
from tests.events import event, received
from tests.jobs.live.test_consents import send, until
from tests.other_lake import changed, fill

RULES = """
[holders]
title = "Has something in the cart now"
purpose = "personalisation"
owner = "web"
rule = 'any("add_to_cart", within="5s") and not any("purchase", after=last("add_to_cart"))'

[shoppers]
title = "Put shoes into the cart, and bought before"
purpose = "analytics"
owner = "web"
rule = 'any("add_to_cart", category="Shoes", within="1h") and any("purchase")'
"""

OF_ATTRIBUTES = """
[golden]
title = "A golden customer"
purpose = "personalisation"
owner = "crm"
rule = 'attribute("loyalty") == "gold"'

[golden_holders]
title = "A golden customer with something in the cart"
purpose = "personalisation"
owner = "crm"
rule = 'member("golden") and any("add_to_cart", within="1h")'

[berliners]
title = "A customer from Berlin"
purpose = "marketing"
owner = "crm"
rule = 'attribute("city") == "Berlin"'
"""


@pytest.fixture
def own(lake: Lake, local_services: Any, tmp_path: Path) -> Iterator[Lake]:
    """The empty lake, with an empty topic, a prefix in Redis and rules of its own."""
    name = f"live-{uuid.uuid4().hex[:12]}"
    (tmp_path / "rules.toml").write_text(RULES)
    own = changed(
        lake,
        kafka={"topic": name, "partitions": 2},
        redis={"prefix": name},
        segments={"file": str(tmp_path / "rules.toml")},
        consent={"personalisation": True},
    )
    services.ensure_topic(own.settings)
    fill(own, "silver.items", [{"item_id": "boot", "title": "Boot", "categories": ["Shoes", "Boots"]}])
    yield own
    client = connect(own.settings.redis)
    for key in client.scan_iter(f"{Keys(name).tag}:*"):
        client.delete(key)


def at(seconds_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat()


def cart(seconds_ago: float = 0, **ids: Any) -> dict[str, Any]:
    payload = {"item_id": "boot", "quantity": 1}
    return event("add_to_cart", event_id=uuid.uuid4().hex, occurred_at=at(seconds_ago), payload=payload, **ids)


def bought(seconds_ago: float, **ids: Any) -> dict[str, Any]:
    return event("purchase", event_id=uuid.uuid4().hex, occurred_at=at(seconds_ago), **ids)


def segments(own: Lake, person: str) -> set[str]:
    return {*connect(own.settings.redis).hkeys(Keys(own.settings.redis.prefix).segments(person))}


def options() -> job.Options:
    return job.Options(datetime.now(UTC))


def in_silver(own: Lake, *messages: Any) -> None:
    """As the lake has them that landed them."""
    arrived = received(own.spark, [*messages]).withColumn("received_at", F.current_timestamp())
    judged = as_judged(arrived, committed_contract())
    assert judged.where("size(reasons) > 0").isEmpty()
    tables.create(own, "silver.events", "silver.identities")
    tables.append(own, "silver.events", as_events(judged.withColumn("outcome", F.lit("kept")), late_hours=24))
    consents.main(own, options())


def test_from_a_message_to_a_segment_and_out_of_it_when_its_time_is_over(own: Lake) -> None:
    """A thread stands for the shop while the job runs as a stream."""
    failures: list[BaseException] = []

    def puts_into_the_cart() -> None:
        send(own.settings, cart(user_id=None, anonymous_id="v"))

    def shop() -> None:
        try:
            send(own.settings, bought(3600), cart(600), "{")
            until(lambda: segments(own, "9") == {"shoppers"}, "the buyer is not in")
            until(
                lambda: puts_into_the_cart() or segments(own, "anonymous_id:v") == {"holders"}, "the visitor is not in"
            )
            until(lambda: segments(own, "anonymous_id:v") == set(), "the visitor is not out")
            connect(own.settings.redis).flushdb()
        except BaseException as failure:
            failures.append(failure)
            for query in own.spark.streams.active:
                query.stop()

    threading.Timer(1, lambda: (until(lambda: own.spark.streams.active, "not started"), shop())).start()
    try:
        with pytest.raises(NoState, match="it is begun anew"):  # noticed at once, though nobody sends anything
            live.main(own, job.Options(datetime.now(UTC), continuous=True))
    finally:
        if failures:
            raise failures[0]
    live.main(own, options())
    assert segments(own, "9") == {"shoppers"}, "the lake is not built: from the topic's start"


def test_begun_anew_it_knows_what_the_lake_knows_and_reads_on_behind_it(own: Lake) -> None:
    in_silver(own, bought(80_000_000), bought(3600, user_id="8"), bought(50, user_id=None, anonymous_id="old"))
    fill(own, "silver.identities", [{"identifier_type": "anonymous_id", "identifier": "old", "person_id": "7"}])
    send(own.settings, cart(60), cart(60, user_id="8"), cart(60, user_id=None, anonymous_id="old"))
    live.main(own, options())
    expected = {"9": {"shoppers"}, "8": {"shoppers"}, "7": {"shoppers"}}
    assert {person: segments(own, person) for person in expected} == expected
    client, keys = connect(own.settings.redis), Keys(own.settings.redis.prefix)
    before = {name: client.hkeys(name) for name in client.scan_iter(keys.segments("*"))}
    for name in [*client.scan_iter(f"{keys.tag}:*")]:
        client.delete(name)
    live.main(own, options())
    assert {name: client.hkeys(name) for name in client.scan_iter(keys.segments("*"))} == before


def test_who_is_not_to_be_counted_is_in_the_segments_that_they_allow_after_a_new_beginning_too(
    own: Lake, tmp_path: Path
) -> None:
    (tmp_path / "rules.toml").write_text(RULES.replace('within="5s"', 'within="1h"'))
    refuses = event(
        "consent", event_id=uuid.uuid4().hex, occurred_at=at(90), payload={"purposes": {"analytics": False}}
    )
    in_silver(own, bought(200), cart(60), refuses)
    live_consents.begin_anew(own)
    live.main(own, options())
    assert segments(own, "9") == {"holders"}, "of a purpose that they allow; that of shoppers they do not"


def other_rules(own: Lake) -> None:
    Path(own.settings.segments.file).write_text(RULES.replace('within="5s"', 'within="6s"'))
    rule_sets.promote(own, datetime.now(UTC))


def other_catalogue(own: Lake) -> None:
    fill(own, "silver.items", [{"item_id": "boot", "title": "Boot", "categories": ["Boots"]}])


@pytest.mark.parametrize("happens", [other_rules, other_catalogue])
def test_what_is_judged_by_otherwise_ends_the_clock(
    own: Lake, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Lake], None]
) -> None:
    in_silver(own)
    rule_sets.settle(own, datetime.now(UTC))
    live.main(own, options())
    with clock(own, monkeypatch) as (looked, faults):
        fill(own, "silver.items", [{"item_id": "boot", "title": "A boot", "categories": ["Shoes", "Boots"]}])
        until(lambda: looked, "the lake is not looked at")
        assert not faults, "no rule asks for what differs"
        happens(own)
        until(lambda: faults, "the clock goes on by what is not so any more")
    assert isinstance(faults[0], NoState) and "it is begun anew" in str(faults[0])


def test_attributes_and_who_allows_them_are_followed_while_it_runs(
    own: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules.toml").write_text(OF_ATTRIBUTES)
    in_silver(own)
    client, keys = connect(own.settings.redis), Keys(own.settings.redis.prefix)
    fill(own, "silver.people", [{"user_id": "9", "attributes": {"loyalty": "none"}}])
    live.main(own, options())
    with clock(own, monkeypatch) as (_, faults):
        fill(own, "silver.people", [{"user_id": "9", "attributes": {"loyalty": "gold"}}])
        until(lambda: segments(own, "9") == {"golden"}, "the attribute is not followed")
        (change,) = client.xrange(keys.segment_changes)
        assert change[1]["cause"] == "attributes"
        said = {"personalisation": False}
        in_silver(own, event("consent", event_id=uuid.uuid4().hex, occurred_at=at(1), payload={"purposes": said}))
        until(lambda: client.get(keys.attributes("9")) is None, "who refuses is known still")
        assert not faults


@contextmanager
def clock(own: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[bool], list[Exception]]]:
    """With how often it was asked whether all is the same, and what kept it."""
    looked: list[bool] = []
    original = live.require_same

    def require_same(*arguments: Any) -> None:
        original(*arguments)
        looked.append(True)

    monkeypatch.setattr(live, "require_same", require_same)
    monkeypatch.setattr(live, "LAKE_SECONDS", 0.1)
    judged_by = live.membership_of(own, rule_sets.current(own))
    with live.clock(own, judged_by, versions(own)) as faults:
        yield looked, faults


def test_other_rules_of_the_same_events_need_nothing_of_the_lake(
    own: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_silver(own)
    send(own.settings, bought(3600), cart(60))
    live.main(own, options())
    assert segments(own, "9") == {"shoppers"}
    (tmp_path / "rules.toml").write_text(RULES.replace('any("purchase")\'', 'count("purchase") > 1\''))
    monkeypatch.setattr(live, "begin_anew", lambda *_: begun.append(True))
    begun: list[bool] = []
    live.main(own, options())
    until(lambda: segments(own, "9") == set(), "by the new rules they are none")
    assert not begun
    (tmp_path / "rules.toml").write_text(RULES.replace('within="1h"', 'within="2h"'))
    with pytest.raises(NoState):
        live.main(own, options())
    assert begun, "what these look at was not kept for so long"


def test_attributes_are_those_of_the_lake_and_followed_there(
    own: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules.toml").write_text(OF_ATTRIBUTES)
    said = {"6": {"personalisation": False}, "7": {"marketing": True}}
    words = [event("consent", event_id=who, user_id=who, payload={"purposes": told}) for who, told in said.items()]
    in_silver(own, cart(60), cart(60, user_id="8"), *words)
    live_consents.begin_anew(own)
    customers = {"9": "gold", "8": "none", "7": "gold", "6": "gold"}

    def evaluated() -> dict[str, set[str]]:
        rows = [
            {"user_id": who, "attributes": {"loyalty": loyalty, "city": "Berlin"}} for who, loyalty in customers.items()
        ]
        fill(own, "silver.people", [*rows, {"anonymous_id": "a"}])
        live.main(own, options())
        known = rule_sets.current(own).all
        batch = membership.evaluated(own, known, None, datetime.now(UTC)).collect()
        by_lake: dict[str, set[str]] = {}
        for row in batch:
            by_lake.setdefault(row["person_id"], set()).update(row["segment_ids"])
        told = {person: segments(own, person) for person in customers}
        assert told == {person: by_lake.get(person, set()) for person in customers}
        return told

    assert evaluated() == {"9": {"golden", "golden_holders"}, "8": set(), "7": {"golden", "berliners"}, "6": set()}
    client, keys = connect(own.settings.redis), Keys(own.settings.redis.prefix)
    assert client.get(keys.attributes("6")) is None and "Berlin" not in client.get(keys.attributes("9"))
    monkeypatch.setattr(live, "begin_anew", None)
    customers = {"9": "none", "8": "gold"}
    assert evaluated() == {"9": set(), "8": {"golden", "golden_holders"}}
    assert segments(own, "7") == set() and client.get(keys.attributes("7")) is None, "no customer any more"


def test_a_rule_that_cannot_be_read_stops_it_before_it_begins(own: Lake, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES.replace('any("purchase")', 'any("purchase", stors="1")'))
    with pytest.raises(
        OperatorError, match=r"segment shoppers, line 1, column \d+: no field or option 'stors'; did you"
    ):
        live.require(own.settings)

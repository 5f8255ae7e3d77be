"""The plan of the demo's messages against the source, counted apart, and against the contract, read apart."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jobs.errors import OperatorError
from jobs.local.shop import breakage, journey
from jobs.local.shop.contacts import contact
from jobs.local.shop.message import BROKEN_KINDS, PLANTED_KINDS, Message, counts, planted
from tests.jobs.local.shop import shop_oracle
from tests.jobs.local.shop.event_rules import faults

DERIVED = {"product_view", "add_to_cart", "remove_from_cart", "identify", "consent"}
WINDOW_MS = int(pd.Timestamp("2017-12-04", tz="UTC").timestamp() * 1000)
SEED = 7


@pytest.fixture(scope="module")
def plan() -> list[Message]:
    return journey.messages(200, SEED)


@pytest.fixture(scope="module")
def good(plan: list[Message]) -> list[Message]:
    return [message for message in plan if message.kind not in PLANTED_KINDS]


@pytest.fixture(scope="module")
def events(good: list[Message]) -> list[dict[str, Any]]:
    return [json.loads(message.value) for message in good]


@pytest.fixture(scope="module")
def derived(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was browsed: all that is derived but the answers at joining."""
    return [event for event in events if event["event_type"] in DERIVED and "session_id" in event]


def test_the_whole_year_is_there() -> None:
    want = shop_oracle.expected()
    assert (want.lines, want.baskets, len(want.people)) == (1_469_307, 155_848, 2_469)
    year = journey.messages(seed=SEED)
    lines, amount, discount, quantity, orders, people = 0, 0.0, 0.0, 0, set(), set()
    for message in year:
        if message.kind == "purchase":
            event = json.loads(message.value)
            orders.add(event["payload"]["order_id"])
            people.add(event["user_id"])
            for line in event["payload"]["lines"]:
                lines += 1
                amount += line["amount"]
                discount += line["discount"]
                quantity += line["quantity"]
    by_kind = counts(year)
    assert (len(orders), by_kind["purchase"], lines, quantity) == (
        want.baskets,
        want.baskets,
        want.lines,
        want.quantity,
    )
    assert people == want.people
    assert (round(amount, 2), round(discount, 2)) == (want.amount, want.discount)
    assert by_kind["coupon_redeemed"] == want.redemptions == 2_102
    broken = planted(year)
    assert sum(broken.values()) == pytest.approx((len(year) - sum(broken.values())) / 200, abs=1)
    assert max(broken.values()) - min(broken.values()) <= 1
    browsed = sum(by_kind[kind] for kind in DERIVED)
    browsed -= sum(message.value.startswith(b'{"event_id":"joined-') for message in year)
    assert 3 <= browsed / 11_841 <= 6, "derived events for each basket of the window"


def test_every_line_is_the_source_s(events: list[dict[str, Any]]) -> None:
    rows = [
        {
            "event_id": event["event_id"],
            "person_id": event["user_id"],
            "item_id": line["item_id"],
            "occurred_at": event["occurred_at"],
            "quantity": float(line["quantity"]),
            "amount": line["amount"],
            "discount": line["discount"],
            "order_id": event["payload"]["order_id"],
            "store_id": event["payload"]["store_id"],
        }
        for event in events
        if event["event_type"] == "purchase"
        for line in event["payload"]["lines"]
    ]
    lines = pd.DataFrame(rows).sort_values(["order_id", "item_id"], ignore_index=True)
    lines["occurred_at"] = pd.to_datetime(lines["occurred_at"]).dt.tz_localize(None).astype("datetime64[ns]")
    pd.testing.assert_frame_equal(lines, shop_oracle.interactions(200))


def test_redemptions_are_the_source_s(events: list[dict[str, Any]]) -> None:
    redeemed = [event for event in events if event["event_type"] == "coupon_redeemed"]
    assert len(redeemed) == shop_oracle.expected(200).redemptions > 0
    for event in redeemed:
        day = event["occurred_at"][:10]
        payload = event["payload"]
        want = f"coupon-{event['user_id']}-{payload['coupon_id']}-{payload['campaign_id']}-{day}"
        assert event["event_id"] == want


def test_the_same_arguments_give_the_same_bytes(plan: list[Message]) -> None:
    assert journey.messages(200, SEED) == plan
    assert journey.messages(200, SEED + 1) != plan


def test_a_household_s_events_do_not_depend_on_the_others(good: list[Message]) -> None:
    few = [message for message in journey.messages(50, SEED) if message.kind not in PLANTED_KINDS]
    every_fourth = shop_oracle.expected(50).people
    assert every_fourth <= shop_oracle.expected(200).people, "50 of 200: the same places of the same order"
    owner = {
        event["anonymous_id"]: event["user_id"]
        for event in (json.loads(message.value) for message in good)
        if event["event_type"] == "identify"
    }
    theirs = [message for message in good if owner.get(message.key.decode(), message.key.decode()) in every_fourth]
    assert few == theirs


@pytest.mark.parametrize("households", [0, -1, 2_470])
def test_a_number_of_households_that_is_not_there_is_refused(households: int) -> None:
    with pytest.raises(OperatorError, match="1 to 2469"):
        journey.messages(households, SEED)


def test_good_messages_keep_the_contract(good: list[Message]) -> None:
    assert [(message.value, why) for message in good if (why := faults(message.key, message.value))] == []


def test_each_good_event_is_there_once(events: list[dict[str, Any]]) -> None:
    assert [event for event, n in Counter(event["event_id"] for event in events).items() if n > 1] == []


def test_the_order_is_by_time(plan: list[Message], good: list[Message]) -> None:
    assert [message.at_ms for message in plan] == sorted(message.at_ms for message in plan)
    for message in good:
        moment = pd.Timestamp(json.loads(message.value)["occurred_at"])
        assert message.at_ms == moment.value // 1_000_000


@pytest.mark.parametrize("households", [1, 50])
def test_every_kind_is_planted_and_counted(households: int) -> None:
    by_kind = planted(journey.messages(households, SEED))
    assert set(by_kind) == set(PLANTED_KINDS)
    assert min(by_kind.values()) >= 1


def test_planted_messages_are_what_they_claim(plan: list[Message]) -> None:
    seen: set[tuple[bytes, bytes]] = set()
    ids = []
    for message in plan:
        if message.kind in BROKEN_KINDS:
            assert faults(message.key, message.value), message
            assert (message.kind == "not_json") == (faults(message.key, message.value) == ["not JSON"])
            assert (message.kind == "bad_date") <= (faults(message.key, message.value) == ["occurred_at"])
            ids += re.findall(rb'"event_id":"([^"]*)"', message.value)
        elif message.kind == "duplicate":
            assert (message.key, message.value) in seen
        else:
            seen.add((message.key, message.value))
    assert all(event_id.startswith(b"broken-") for event_id in ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("variant", range(5))
def test_a_withdrawal_is_planted_with_no_time_at_all(events: list[dict[str, Any]], variant: int) -> None:
    """Whatever its clock says, a withdrawal is valid: only a text that is no time breaks it."""
    withdrawal = next(e for e in events if e["event_type"] == "consent" and False in e["payload"]["purposes"].values())
    value = breakage.spoilt("bad_date", variant, dict(withdrawal), "broken-bad_date-0")
    key = withdrawal.get("user_id") or withdrawal["anonymous_id"]
    assert faults(key.encode(), value) == ["occurred_at"]


def test_derived_events_say_so_and_real_ones_do_not(events: list[dict[str, Any]]) -> None:
    for event in events:
        source = event.get("context", {}).get("source")
        assert source == ("derived" if event["event_type"] in DERIVED else None)


def test_most_households_agree_before_anything_else_and_some_withdraw(events: list[dict[str, Any]]) -> None:
    first: dict[str, dict[str, Any]] = {}
    for event in events:
        if "user_id" in event:
            first.setdefault(event["user_id"], event)
    joined = [event for event in first.values() if event["event_id"].startswith("joined-")]
    assert 0.88 < len(joined) / len(first) < 0.99, "nineteen in twenty; 200 are asked"
    assert len(joined) == sum(event["event_id"].startswith("joined-") for event in events), "none joins later"
    assert all(event["payload"]["purposes"]["personalisation"] for event in joined)
    agreed = {event["user_id"] for event in joined}
    now = shop_oracle.consenting(json.dumps(event).encode() for event in events)
    assert agreed - now, "some withdraw"
    assert now - agreed, "some agree late"
    assert set(first) - agreed - now, "some never say a word, or no"


def test_derived_events_stay_in_the_window(derived: list[dict[str, Any]]) -> None:
    last = pd.Timestamp("2018-01-01T04:01:20Z")
    for event in derived:
        assert WINDOW_MS <= pd.Timestamp(event["occurred_at"]).value // 1_000_000 <= last.value // 1_000_000


def test_only_who_identifies_gives_an_address_and_it_is_invented(derived: list[dict[str, Any]]) -> None:
    identified = [event for event in derived if event["event_type"] == "identify"]
    for event in identified:
        invented = contact(int(event["user_id"]))
        assert (event["payload"]["email"], event["payload"]["phone"]) == (invented.email, invented.phone)
        assert invented.email.split("@")[1] in ("example.com", "example.net", "example.org")  # RFC 2606: nobody's
    text = json.dumps([event for event in derived if event["event_type"] != "identify"]).lower()
    for word in ('"email"', '"phone"', "@", '"ip"', '"name"', '"birth_date"', '"street"'):
        assert word not in text


def test_a_session_starts_anonymous_or_known_and_identify_turns_it(derived: list[dict[str, Any]]) -> None:
    sessions = defaultdict(list)
    for event in derived:
        sessions[event["session_id"]].append(event)
    turned = 0
    for steps in sessions.values():
        assert len({event["anonymous_id"] for event in steps}) == 1
        has_user = [event.get("user_id") is not None for event in steps]
        assert has_user == sorted(has_user), "anonymous, then known, never back"
        kinds = [event["event_type"] for event in steps]
        if "identify" in kinds:
            turned += 1
            place = kinds.index("identify")
            assert not any(has_user[:place]) and all(has_user[place:])
            assert steps[place]["payload"]["anonymous_id"] == steps[place]["anonymous_id"]
        else:
            assert all(has_user)
    assert 0.2 < turned / len(sessions) < 0.4
    owners = {(event["anonymous_id"], event["user_id"]) for event in derived if "user_id" in event}
    assert len({anonymous for anonymous, _ in owners}) == len(owners), "one person to an anonymous_id"


def test_some_carts_are_left_and_never_bought(events: list[dict[str, Any]]) -> None:
    bought = {
        (event["user_id"], line["item_id"])
        for event in events
        if event["event_type"] == "purchase"
        for line in event["payload"]["lines"]
    }
    owner = {event["anonymous_id"]: event["user_id"] for event in events if {"anonymous_id", "user_id"} <= set(event)}
    carts: dict[bool, list[bool]] = {True: [], False: []}
    for event in events:
        if event["event_type"] == "add_to_cart":
            person = owner[event["anonymous_id"]]
            left = event["session_id"].startswith("left-")
            carts[left].append((person, event["payload"]["item_id"]) in bought)
    assert len(carts[True]) > 20 and not any(carts[True])
    assert sum(carts[False]) > 0.7 * len(carts[False])


def test_the_files_hold_the_source_and_are_left_alone_when_right(tmp_path: Path) -> None:
    catalog, crm = tmp_path / "sources" / "catalog.csv", tmp_path / "sources" / "crm.csv"
    journey.write_sources(catalog, crm, 200)
    want = shop_oracle.expected(200)
    items, people = pd.read_csv(catalog, dtype=str), pd.read_csv(crm, dtype=str, keep_default_na=False)
    assert len(items) == items["product_id"].nunique() == want.catalog == 92_331
    assert len(people) == people["household_id"].nunique() == want.crm
    assert set(people["household_id"]) <= want.people
    assert list(people.columns) == [
        "household_id", "age", "income", "home_ownership", "marital_status", "household_size",
        "household_comp", "kids_count", "email", "phone", "given_name", "surname", "street", "birth_date",
    ]  # fmt: skip
    assert all(
        address.endswith((".example", "@example.com", "@example.net", "@example.org")) for address in people["email"]
    )
    inode, right = catalog.stat().st_ino, crm.read_bytes()
    crm.write_text("half a file")
    journey.write_sources(catalog, crm, 200)
    assert catalog.stat().st_ino == inode
    assert crm.read_bytes() == right
    assert sorted(path.name for path in catalog.parent.iterdir()) == ["catalog.csv", "crm.csv"]

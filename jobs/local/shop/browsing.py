"""Browsing that the source does not have: derived events around the baskets of its last 28 days.

One message is one `product_view`, `add_to_cart`, `remove_from_cart`, `identify` or `consent`, each with
`context.source` = "derived". They are drawn at random, seeded per household, so a household's events are the
same whoever else is asked for; items from outside the basket are drawn by how often the whole shop sold them
before the window. A visit before a basket has the basket's id as its session. Who identifies gives an e-mail address
and a phone number, both invented. Not handled: search, wish lists, visitors who never say who they are.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from jobs.local.shop.contacts import Contact, contact
from jobs.local.shop.message import Message, encoded, occurred_at

WINDOW_START = pd.Timestamp("2017-12-04")
WINDOW_START_MS = WINDOW_START.value // 1_000_000
MINUTE_MS = 60_000
POPULAR_ITEMS = 3_000
# Sold at the counter or the pump, or no goods at all: nobody lays these in a cart on a page.
NOT_ON_PAGES = {"FUEL", "COUPON", "MISCELLANEOUS", "CNTRL/STORE SUP", "POSTAL CENTER"}
DEVICES = {"mobile": 0.55, "desktop": 0.25, "app": 0.12, "tablet": 0.08}

VISIT_BEFORE_BASKET = 0.9
STARTS_ANONYMOUS = 0.3
ADDED_AFTER_VIEW = 0.6
SECOND_THOUGHTS = 0.12
CARTS_LEFT_PER_BASKET = 0.15
ANSWERS_CONSENT = 0.7
AGREES = {"analytics": 0.9, "personalisation": 0.93, "marketing": 0.5}


@dataclass(frozen=True)
class Shelf:
    """What pages show: the median unit price in USD by item; the popular items with their running share."""

    prices: dict[int, float]
    popular: NDArray[np.int64]
    share: NDArray[np.float64]


class Basket(NamedTuple):
    basket_id: int
    at_ms: int
    lines: list[tuple[int, int]]


class Visitor(NamedTuple):
    person: str
    anonymous_id: str
    device_id: str
    device_type: str
    crm_id: str | None
    contact: Contact


class Step(NamedTuple):
    event_type: str
    payload: dict[str, Any]


def shelf(lines: pd.DataFrame, products: pd.DataFrame) -> Shelf:
    """From every line of the year, never of a subset: popularity counts lines before the window only."""
    listed = products.loc[~products["department"].isin(NOT_ON_PAGES), "product_id"]
    sold = lines[lines["product_id"].isin(listed) & (lines["quantity"] > 0) & (lines["sales_value"] >= 0.01)]
    unit = (sold["sales_value"] / sold["quantity"]).groupby(sold["product_id"]).median().round(2)
    before = sold.loc[sold["transaction_timestamp"] < WINDOW_START, "product_id"].value_counts(sort=False)
    # Ties by product id, so that the order does not hang on pandas' hashing.
    counts = before.rename("n").reset_index()
    top = counts.sort_values(["n", "product_id"], ascending=[False, True])[:POPULAR_ITEMS]
    weight = top["n"].to_numpy(dtype=np.float64)
    return Shelf(
        prices=dict(zip(unit.index.tolist(), unit.tolist(), strict=True)),
        popular=top["product_id"].to_numpy(dtype=np.int64),
        share=np.cumsum(weight) / weight.sum(),
    )


def derived(lines: pd.DataFrame, shelf: Shelf, members: set[int], seed: int) -> Iterator[Message]:
    """Derived events of all households in `lines`, one household after another; the CRM knows `members`."""
    window = lines[lines["transaction_timestamp"] >= WINDOW_START]
    baskets = _baskets(window)
    theirs = lines[lines["household_id"].isin(list(baskets))]
    bought: dict[int, set[int]] = defaultdict(set)
    for person, item in zip(theirs["household_id"].tolist(), theirs["product_id"].tolist(), strict=True):
        bought[person].add(item)
    for person in sorted(baskets):
        rng = np.random.default_rng([seed, person])
        yield from _household(rng, person, baskets[person], bought[person], shelf, person in members)


def _baskets(window: pd.DataFrame) -> dict[int, list[Basket]]:
    """The baskets of each household, by time, with (item, quantity) in the source's order."""
    moments = window["transaction_timestamp"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    names = ("household_id", "basket_id", "product_id", "quantity")
    by_household: dict[int, list[Basket]] = defaultdict(list)
    for at_ms, person, basket_id, item, quantity in zip(
        moments.tolist(), *(window[name].tolist() for name in names), strict=True
    ):
        baskets = by_household[person]
        if not baskets or baskets[-1].basket_id != basket_id:
            baskets.append(Basket(basket_id, at_ms, []))
        baskets[-1].lines.append((item, quantity))
    return by_household


def _household(
    rng: Generator, person: int, baskets: list[Basket], bought: set[int], shelf: Shelf, member: bool
) -> Iterator[Message]:
    reached = contact(person)
    devices = [_visitor(rng, person, number, member, reached) for number in range(1 + int(rng.random() < 0.2))]
    asks = rng.random() < ANSWERS_CONSENT
    left = 0
    for basket in baskets:
        if rng.random() < VISIT_BEFORE_BASKET:
            steps = _with_identify(rng, _shopping(rng, basket.lines, bought, shelf))
            if asks:
                steps, asks = _with_consent(rng, steps), False
            visitor = devices[rng.integers(len(devices))]
            yield from _session(rng, str(basket.basket_id), visitor, steps, basket.at_ms)
        if rng.random() < CARTS_LEFT_PER_BASKET:
            left += 1
            # Between the window's start and this basket, so that no derived event is later than the source.
            ends_ms = basket.at_ms - int(rng.integers(3 * 60, 72 * 60)) * MINUTE_MS
            steps = _with_identify(rng, _window_shopping(rng, bought, shelf))
            if ends_ms > WINDOW_START_MS:
                visitor = devices[rng.integers(len(devices))]
                yield from _session(rng, f"left-{person}-{left}", visitor, steps, ends_ms)


def _visitor(rng: Generator, person: int, number: int, member: bool, reached: Contact) -> Visitor:
    return Visitor(
        person=str(person),
        anonymous_id=f"a-{int(rng.integers(2**60)):015x}",
        device_id=f"device-{person}-{number + 1}",
        device_type=str(rng.choice(list(DEVICES), p=list(DEVICES.values()))),
        crm_id=str(person) if member else None,
        contact=reached,
    )


def _shopping(rng: Generator, lines: list[tuple[int, int]], bought: set[int], shelf: Shelf) -> list[Step]:
    """Some of what the basket will hold, looked at and mostly put in the cart; a glance at something else."""
    on_pages = [(item, quantity) for item, quantity in lines if item in shelf.prices and 1 <= quantity <= 100]
    count = min(len(on_pages), 1 + int(rng.poisson(1.0)))
    steps = []
    for position in sorted(rng.choice(len(on_pages), count, replace=False).tolist()) if on_pages else []:
        item, quantity = on_pages[position]
        steps.append(_view(rng, item, shelf))
        if rng.random() < ADDED_AFTER_VIEW:
            steps.append(_cart("add_to_cart", item, quantity, shelf))
    others = _others(rng, int(rng.random() < 0.5), bought, shelf)
    for item in others:
        steps.append(_view(rng, item, shelf))
        if rng.random() < SECOND_THOUGHTS / 0.5:
            steps += [_cart(change, item, 1, shelf) for change in ("add_to_cart", "remove_from_cart")]
    return steps


def _window_shopping(rng: Generator, bought: set[int], shelf: Shelf) -> list[Step]:
    """A cart left behind: items this household buys at no time of the year."""
    steps = []
    for item in _others(rng, 1 + int(rng.poisson(0.7)), bought, shelf):
        steps += [_view(rng, item, shelf), _cart("add_to_cart", item, 1, shelf)]
    return steps


def _others(rng: Generator, count: int, bought: set[int], shelf: Shelf) -> list[int]:
    drawn = shelf.popular[np.searchsorted(shelf.share, rng.random(count * 4), side="right")].tolist()
    return [item for item in dict.fromkeys(drawn) if item not in bought][:count]


def _view(rng: Generator, item: int, shelf: Shelf) -> Step:
    payload = {"item_id": str(item), "price": shelf.prices[item], "currency": "USD"}
    return Step("product_view", {**payload, "seconds_on_page": int(rng.integers(3, 120))})


def _cart(change: str, item: int, quantity: int, shelf: Shelf) -> Step:
    return Step(change, {"item_id": str(item), "quantity": quantity, "price": shelf.prices[item], "currency": "USD"})


def _with_identify(rng: Generator, steps: list[Step]) -> list[Step]:
    """Some sessions start anonymous: what stands before `identify` carries no user_id."""
    if not steps or rng.random() >= STARTS_ANONYMOUS:
        return steps
    place = int(rng.integers(1, len(steps) + 1))
    return [*steps[:place], Step("identify", {}), *steps[place:]]


def _with_consent(rng: Generator, steps: list[Step]) -> list[Step]:
    """The banner's answer, given once a household, as soon as it is known who answers."""
    purposes = {purpose: bool(rng.random() < share) for purpose, share in AGREES.items()}
    place = 1 + next((i for i, step in enumerate(steps) if step.event_type == "identify"), -1)
    return [*steps[:place], Step("consent", {"purposes": purposes, "source": "banner"}), *steps[place:]]


def _session(rng: Generator, session: str, visitor: Visitor, steps: list[Step], ends_ms: int) -> Iterator[Message]:
    """The steps at rising times before `ends_ms`, none before the window."""
    pauses = rng.integers(4_000, 4 * MINUTE_MS, len(steps))
    times = ends_ms - np.cumsum(pauses)[::-1]
    if len(steps) and times[0] < WINDOW_START_MS:
        times = np.linspace(WINDOW_START_MS, ends_ms, len(steps) + 1)[:-1].astype(np.int64)
    is_known = all(step.event_type != "identify" for step in steps)
    for number, (step, at_ms) in enumerate(zip(steps, times.tolist(), strict=True)):
        is_known = is_known or step.event_type == "identify"
        event = _event(f"derived-{session}-{number}", session, step, visitor, is_known, at_ms)
        key = visitor.person if is_known else visitor.anonymous_id
        yield Message(key.encode(), encoded(event), at_ms, step.event_type)


def _event(event_id: str, session: str, step: Step, who: Visitor, is_known: bool, at_ms: int) -> dict[str, Any]:
    payload = step.payload
    if step.event_type == "identify":
        payload = {"anonymous_id": who.anonymous_id, "device_id": who.device_id}
        payload |= {"email": who.contact.email, "phone": who.contact.phone}
        if who.crm_id is not None:
            payload["crm_id"] = who.crm_id
    return {
        "event_id": event_id,
        "event_type": step.event_type,
        "schema_version": 1,
        "occurred_at": occurred_at(at_ms),
        **({"user_id": who.person} if is_known else {}),
        "anonymous_id": who.anonymous_id,
        "device_id": who.device_id,
        "session_id": session,
        "context": {
            "device_type": who.device_type,
            "country": "US",
            "language": "en-US",
            "source": "derived",
        },
        "payload": payload,
    }

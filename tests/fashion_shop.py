"""A small fashion shop, invented and seeded: another kind of shop than the demo's, with columns of its own.

Styles in sizes and colours, a path of categories in one column, prices in euros and pounds beside the number, a CRM in
JSON lines without demographics, and events of two months: people look, buy in their own currency, and give some back.
"""

import csv
import io
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
STYLES = {
    "Anna": ("Women > Dresses", "Maison Lin", 89.0),
    "Bea": ("Women > Dresses", "Maison Lin", 119.0),
    "Cleo": ("Women > Shoes > Boots", "Passo", 149.0),
    "Dora": ("Women > Shoes > Sneakers", "Passo", 99.0),
    "Emil": ("Men > Shirts", "Nordhav", 49.0),
    "Finn": ("Men > Shirts", "Nordhav", 59.0),
    "Gus": ("Men > Shoes > Boots", "Passo", 159.0),
    "Hugo": ("Men > Trousers", "Nordhav", 79.0),
    "Ivy": ("Kids > Jackets", "Pica", 69.0),
    "Juno": ("Kids > Shoes", "Pica", 39.0),
}
COLOURS, SIZES = ("black", "sand"), ("S", "M", "L")
CUSTOMERS = 24
POUNDS = 0.85
"""What a euro is worth in pounds."""

SETTINGS = """
[currency]
own = "EUR"
rates = {GBP = 1.176}

[privacy]
phone_region = "GB"

[ratings]
half_life_days = 120.0

[sources.catalog]
location = "sources/feed.tsv"
delimiter = "\\t"

[sources.catalog.columns]
"Article no." = "item_id"
Name = "title"
Colour = "title"
Department = "categories"
Designer = "brand"
RRP = "price"
Stock = "availability"
URL = "link"
Photo = "image_link"
Style = "group_id"
Launch = "published_at"
"Purchase price" = ""

[sources.catalog.types]
"Heel cm" = "number"

[sources.crm]
location = "sources/members.jsonl"

[sources.crm.columns]
member = "user_id"
contact = "email"

[sources.crm.types]
points = "number"
since = "date"
"""


def catalog() -> str:
    """The feed: tab-separated, a row per variant."""
    rows = [
        {
            "Article no.": article(style, colour, size),
            "Name": f"{style} {size}",
            "Colour": colour,
            "Size": size,
            "Department": department,
            "Designer": designer,
            "RRP": f"{price:.2f} EUR",
            "Stock": str(number % 4),
            "URL": f"https://fashion.example/{style.lower()}?v={number}",
            "Photo": f"https://img.fashion.example/{style.lower()}@2x.jpg",
            "Style": style,
            "Launch": f"2026-0{1 + number % 9}-15",
            "Heel cm": "4.5" if "Boots" in department else "",
            "Purchase price": f"{price / 3:.2f}",
        }
        for number, (style, colour, size, department, designer, price) in enumerate(_variants())
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def crm() -> str:
    """The members: JSON lines, and nothing of age or income."""
    members = [
        {
            "member": f"m{number}",
            "contact": f"Member.{number}@Fashion.example",
            "points": 10 * number,
            "since": f"2025-{1 + number % 12:02}-01",
            "favourites": ["boots", "sale"] if number % 2 else [],
        }
        for number in range(CUSTOMERS - 4)
    ]
    return "".join(json.dumps(member) + "\n" for member in members)


def events() -> list[dict[str, Any]]:
    """Two months, by time. Every third member pays in pounds; every fifth order has a line given back."""
    return sorted(_events(), key=lambda event: str(event["occurred_at"]))


def article(style: str, colour: str, size: str) -> str:
    return f"{style[:2].upper()}-{colour[:2]}-{size}"


def _variants() -> Iterator[tuple[str, str, str, str, str, float]]:
    for style, of_style in STYLES.items():
        for colour in COLOURS:
            for size in SIZES:
                yield (style, colour, size, *of_style)


def _events() -> Iterator[dict[str, Any]]:
    rng = random.Random(2026)
    sides = [[style for style in STYLES if STYLES[style][0].startswith(side)] for side in ("Women", "Men", "Kids")]
    for number in range(CUSTOMERS):
        who, size, currency = f"m{number}", SIZES[number % 3], "GBP" if number % 3 == 0 else "EUR"
        yield _event("consent", who, f"c-{who}", NOW - timedelta(days=61), purposes={"personalisation": number != 5})
        for week in range(8):
            at = NOW - timedelta(days=60 - 7 * week, minutes=rng.randrange(900))
            side = sides[(number if rng.random() < 0.85 else rng.randrange(3)) % 3]
            styles = rng.sample(side, min(len(side), rng.randrange(1, 3)))
            order, lines = f"{who}-{week}", []
            for style in styles:
                item = article(style, rng.choice(COLOURS), size)
                price = round(STYLES[style][2] * (POUNDS if currency == "GBP" else 1), 2)
                lines.append({"item_id": item, "quantity": 1, "amount": price, "discount": 0.0})
                viewed = {"item_id": item, "price": price, "currency": currency}
                yield _event("product_view", who, f"v-{order}-{item}", at - timedelta(minutes=9), **viewed)
                yield _event("add_to_cart", who, f"a-{order}-{item}", at - timedelta(minutes=5), **viewed, quantity=1)
            yield _event("purchase", who, f"o-{order}", at, order_id=order, currency=currency, lines=lines)
            if (number + week) % 5 == 0:
                back = {"order_id": order, "currency": currency, "lines": lines[:1]}
                yield _event("return", who, f"r-{order}", at + timedelta(days=6), **back)


def _event(event_type: str, who: str, event_id: str, at: datetime, **payload: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_type": event_type,
        "schema_version": 1,
        "occurred_at": at.isoformat(timespec="seconds"),
        "user_id": who,
        "payload": payload,
    }

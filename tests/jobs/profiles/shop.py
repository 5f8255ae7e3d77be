"""A small shop for tests of profiles: a lake of which single tables change, as the jobs of silver change them."""

import random
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import Row

from jobs.gold import profiles
from jobs.job import Options
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.silver.people import as_people
from tests.jobs.segments.shop import append
from tests.other_lake import fill, rooted

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ITEMS: dict[str, tuple[list[str] | None, str | None]] = {
    "boot": (["Shoes", "Boots"], "Own"),
    "heel": (["Shoes", "Heels"], "Other"),
    "coat": (["Clothes"], "Own"),
    "gift": (None, None),
}
SILVER = (
    *("silver.events", "silver.consents", "silver.items", "silver.people", "silver.identities"),
    "gold.segments",
)
Profile = dict[str, Any]


def ids_of(name: str) -> dict[str, str]:
    """`a-7`: a visitor; `7`: a user; `7+a-7`: a user in a browser."""
    return {"anonymous_id" if one.startswith("a-") else "user_id": one for one in name.split("+")}


def own_name(name: str) -> str:
    return f"anonymous_id:{name}" if name.startswith("a-") else name


class ProfileShop:
    """All people allow personalisation once they `say` so."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.numbers = 0
        self.waiting: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        tables.create(lake, *SILVER)
        self.catalogue(ITEMS)
        self.customers: dict[str, dict[str, str]] = {}

    def did(self, who: str, event_type: str, at: datetime, **fields: Any) -> None:
        """One event. `device`, `country`, `campaign`: of its context, the rest of its payload."""
        context = {"device_type": fields.pop("device", None), "country": fields.pop("country", None)}
        context["campaign"] = fields.pop("campaign", None)
        self.numbers += 1
        event = {"event_id": f"e-{self.numbers}", "event_type": event_type, "occurred_at": at, **ids_of(who)}
        self.waiting.append({**event, "context": context, "payload": fields})

    def bought(self, who: str, at: datetime, *lines: tuple[str, float], discount: float = 0.0, **fields: Any) -> str:
        """(item, amount); the order's id."""
        rows = [{"item_id": item, "quantity": 1.0, "amount": sum_, "discount": discount} for item, sum_ in lines]
        order = f"{who}-{self.numbers}"
        self.did(who, "purchase", at, lines=rows, order_id=order, **fields)
        return order

    def land(self) -> None:
        """What happened arrives in the tables of silver."""
        for name, rows in (("silver.events", self.waiting), ("silver.consents", self.said)):
            if rows:
                append(self.lake, name, rows)
        self.waiting, self.said = [], []

    def say(self, who: str, at: datetime, is_granted: bool = True) -> None:
        self.numbers += 1
        said = {"purpose": "personalisation", "is_granted": is_granted, "said_by": "person"}
        row = {"event_id": f"c-{self.numbers}", **ids_of(who), **said, "valid_from": at, "recorded_at": at}
        self.said.append(row)

    def merge(self, name: str, into: str, at: datetime) -> None:
        """The identifier is another person's from now on."""
        kind, identifier = next(iter(ids_of(name).items()))
        row = {"identifier_type": kind, "identifier": identifier, "received_at": START}
        kept = [one.asDict() for one in tables.read(self.lake, "silver.identities").collect()]
        theirs = [one for one in kept if one["identifier"] == identifier and one["valid_to"] is None]
        if not theirs:
            kept.append({**row, "person_id": own_name(name), "valid_from": START, "valid_to": at})
        for one in theirs:
            one["valid_to"] = at
        kept.append({**row, "person_id": own_name(into), "valid_from": at})
        fill(self.lake, "silver.identities", kept)

    def catalogue(self, items: Mapping[str, tuple[list[str] | None, str | None]]) -> None:
        rows = [{"item_id": item, "categories": path, "brand": brand} for item, (path, brand) in items.items()]
        fill(self.lake, "silver.items", rows)

    def crm(self, customers: dict[str, dict[str, str]]) -> None:
        """silver.people is made anew, with these customers beside who sent events."""
        self.land()
        self.customers = customers
        spark = self.lake.spark
        rows = [(user, attributes, None, None) for user, attributes in customers.items()]
        crm = spark.createDataFrame(
            rows, "user_id string, attributes map<string, string>, postcode string, city string"
        )
        people = as_people(tables.read(self.lake, "silver.events"), crm)
        tables.overwrite(self.lake, "silver.people", people)

    def personas(self, of_people: dict[str, str]) -> None:
        rows = [
            {"person_id": person, "segment_id": f"persona-{name}", "name": name, "source": "persona", "version": "1"}
            for person, name in of_people.items()
        ]
        fill(self.lake, "gold.segments", rows)

    def run(self, at: datetime) -> None:
        self.land()
        profiles.main(self.lake, Options(at))

    def refusing(self, names: set[str], at: datetime) -> set[str]:
        """Of these names of persons those whose owner does not allow it at the moment: by the latest word."""
        owner_of = {}
        for row in tables.read(self.lake, "silver.identities").where("valid_to IS NULL").collect():
            owner_of[own_name(row["identifier"])] = row["person_id"]
        words: dict[str, list[tuple[datetime, bool]]] = {}
        for row in tables.read(self.lake, "silver.consents").collect():
            said_at = row["valid_from"].replace(tzinfo=UTC)
            name = own_name(row["user_id"] or row["anonymous_id"])
            if said_at <= at:
                words.setdefault(owner_of.get(name, name), []).append((said_at, not row["is_granted"]))
        return {name for name in names if max(words.get(owner_of.get(name, name), [(at, True)]))[1]}

    def profiles(self) -> dict[str, Profile]:
        return by_person(tables.read(self.lake, "gold.profiles").collect())

    def rebuilt(self, at: datetime, folder: Path) -> dict[str, Profile]:
        """As a lake has them that never had any."""
        shutil.copytree(self.lake.root, folder, ignore=shutil.ignore_patterns("profiles", "profile_history"))
        other = rooted(self.lake, folder)
        profiles.main(other, Options(at))
        return by_person(tables.read(other, "gold.profiles").collect())

    def at(self, moment: datetime) -> dict[str, Profile]:
        """By both tables, who had which profile then."""
        when = f"valid_from <= TIMESTAMP '{moment.isoformat()}'"
        current = tables.read(self.lake, "gold.profiles").where(when).collect()
        over = f"{when} AND valid_to > TIMESTAMP '{moment.isoformat()}'"
        former = tables.read(self.lake, "gold.profile_history").where(over).drop("valid_to").collect()
        assert len({row["person_id"] for row in (*current, *former)}) == len(current) + len(former), "one each"
        return by_person([*current, *former])


def by_person(rows: list[Row]) -> dict[str, Profile]:
    """Without when the version began."""
    of_rows = [row.asDict(recursive=True) for row in rows]
    return {row["person_id"]: {name: row[name] for name in row if name != "valid_from"} for row in of_rows}


class Chance:
    """What comes between two runs, drawn: news of few people, late and early, and what concerns many."""

    def __init__(self, shop: ProfileShop, seed: int) -> None:
        self.shop, self.draw = shop, random.Random(seed)
        self.people = [*map(str, range(6)), *[f"a-{number}" for number in range(6)]]
        self.orders: list[tuple[str, str, str]] = []
        self.merged: set[str] = set()

    def fill(self, at: datetime) -> None:
        for person in self.people:
            for _ in range(self.draw.choice((1, 3, 6))):
                self.event(person, at)
            if self.draw.random() < 0.8:
                self.shop.say(person, at - DAY)
        self.shop.crm({"0": {"age": "35-44"}, "1": {"age": "19-24"}, "customer": {"age": "35-44"}})
        self.shop.say("customer", at)

    def happen(self, at: datetime) -> None:
        """Before `at`, the moment of the next run, or a little behind it."""
        kinds = [self.news, self.news, self.merge, self.withdraw, self.agree, self.give_back, self.catalogue]
        for kind in self.draw.sample([*kinds, self.crm, self.personas, self.campaign], 3):
            kind(at)

    def news(self, at: datetime) -> None:
        self.event(self.draw.choice(self.people), at)

    def event(self, person: str, at: datetime) -> None:
        ago = self.draw.choice((-HOUR, HOUR, 5 * HOUR, 3 * DAY, 40 * DAY, 120 * DAY))
        when = at - ago + timedelta(minutes=self.draw.randrange(90))
        device = self.draw.choice(("mobile", "app", None))
        item = self.draw.choice([*ITEMS, "unlisted"])
        if self.draw.random() < 0.5:
            lines = [(one, self.draw.randint(1, 9_999) / 100) for one in self.draw.sample([*ITEMS], 2)]
            order = self.shop.bought(person, when, *lines, discount=0.1, device=device)
            self.orders.append((person, order, lines[0][0]))
        else:
            self.shop.did(person, self.draw.choice(("product_view", "add_to_cart")), when, item_id=item, device=device)

    def campaign(self, at: datetime) -> None:
        self.shop.did(self.draw.choice(self.people), "page_view", at - HOUR, url="/", campaign="spring", country="PL")

    def give_back(self, at: datetime) -> None:
        person, order, item = self.draw.choice(self.orders)
        lines = [{"item_id": item, "quantity": 1.0, "amount": 1.0}]
        self.shop.did(person, "return", at - HOUR, order_id=order, lines=lines)

    def merge(self, at: datetime) -> None:
        """A visitor logs in; one who had logged in turns out to be another."""
        visitor = self.draw.choice([one for one in self.people if one.startswith("a-")])
        self.shop.merge(visitor, str(self.draw.randrange(6)), at - HOUR + timedelta(minutes=len(self.merged)))
        self.merged.add(visitor)

    def withdraw(self, at: datetime) -> None:
        self.shop.say(self.draw.choice(self.people), at - HOUR, is_granted=False)

    def agree(self, at: datetime) -> None:
        self.shop.say(self.draw.choice(self.people), at + self.draw.choice((-HOUR, HOUR)))

    def catalogue(self, at: datetime) -> None:
        item = self.draw.choice([*ITEMS])
        self.shop.catalogue({**ITEMS, item: ([self.draw.choice(("Shoes", "Sale"))], "Third")})

    def crm(self, at: datetime) -> None:
        customers = dict(self.shop.customers)
        customers.pop("customer", None)
        customers[self.draw.choice("012345")] = {"age": self.draw.choice(("19-24", "65+"))}
        self.shop.crm(customers)

    def personas(self, at: datetime) -> None:
        self.shop.personas({one: self.draw.choice("xy") for one in "012345"})

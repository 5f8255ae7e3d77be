"""A shop that is no grocer, the whole way: from `lakehouse init` to lists in Redis, by its own settings alone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.settings.loading import load
from tests import fashion_shop
from tests.conftest import SHORT_LIVED_JVM

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(900)]
BIN = Path(sys.executable).parent
AS_OF = fashion_shop.NOW.isoformat()
SMALL = '\n[als]\nrank = 8\niterations = 3\n\n[personas]\nk_max = 4\nalgorithms = "kmeans"\n'
"""Models of twenty-four customers, learned in little time."""


def ran(*command: str | Path, cwd: Path, stdin: Path = Path(os.devnull)) -> str:
    """What a command printed; it must end well."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("LAKEHOUSE_")}
    with stdin.open() as lines:
        result = subprocess.run(
            [*map(str, command)], cwd=cwd, env={**own, **SHORT_LIVED_JVM}, stdin=lines, capture_output=True, text=True
        )
    assert result.returncode == 0, f"{command}: {result.stdout[-2000:]}{result.stderr[-2000:]}"
    return result.stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The shop's folder, after every job that ends has run once."""
    folder = tmp_path_factory.mktemp("fashion")
    lakehouse = BIN / "lakehouse"
    ran(lakehouse, "init", "shop", cwd=folder)
    own, settings = folder / "shop", folder / "shop" / "shop.toml"
    # The shop's own settings in place of the samples'.
    ports = settings.read_text().split("[local]")[1].split("\n\n")[0]
    privacy = '\n[privacy]\nsecrets_file = "{home}/secrets.env"\n'
    settings.write_text(f"[local]{ports}\n{fashion_shop.SETTINGS.replace('[privacy]', privacy.strip(), 1)}{SMALL}")
    (own / "sources" / "feed.tsv").write_text(fashion_shop.catalog())
    (own / "sources" / "members.jsonl").write_text(fashion_shop.crm())
    (own / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in fashion_shop.events()))
    ran(lakehouse, "up", "--env", "shop/shop.toml", cwd=folder)
    try:
        ran(sys.executable, "shop/produce.py", cwd=folder, stdin=own / "events.jsonl")
        ran(lakehouse, "run", "all", "--env", "shop/shop.toml", "--as-of", AS_OF, cwd=folder)
        yield folder
    finally:
        ran(lakehouse, "down", "--env", "shop/shop.toml", cwd=folder)


@pytest.fixture
def lake(shop: Path, spark: SparkSession) -> Lake:
    return Lake(spark, load(str(shop / "shop" / "shop.toml")))


def recommended(shop: Path, person: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        ran(BIN / "lakehouse", "recommend", person, "--env", "shop/shop.toml", "--json", cwd=shop)
    )
    return answer


def test_items_have_the_standard_shape(lake: Lake) -> None:
    item = tables.read(lake, "silver.items").where("item_id = 'CL-bl-S'").first()
    assert item is not None
    assert (item["title"], item["brand"], item["categories"]) == ("Cleo S, black", "Passo", ["Women", "Shoes", "Boots"])
    assert (item["price"], item["currency"], item["group_id"]) == (149.0, "EUR", "Cleo")
    assert item["availability"] in ("in_stock", "out_of_stock")
    assert item["image_link"] == "https://img.fashion.example/cleo@2x.jpg", "an address in a link of the shop's is none"
    assert item["attributes"] == {"Size": "S", "Heel cm": "4.5"}, "and the purchase price is left out"


def test_members_have_attributes_and_no_address_is_readable(lake: Lake) -> None:
    crm = tables.read(lake, "silver.crm").where("user_id = 'm1'").first()
    assert crm is not None and crm["email"].startswith("email.v1.")
    favourites = json.loads(crm["attributes"].pop("favourites"))
    assert (crm["attributes"], favourites) == ({"points": "10", "since": "2025-02-01"}, ["boots", "sale"])


def test_returns_and_pounds_are_counted(lake: Lake) -> None:
    """What a person spent, worked out from the events by hand."""
    spent: dict[str, float] = {}
    given_back = {
        (event["payload"]["order_id"], line["item_id"])
        for event in fashion_shop.events()
        if event["event_type"] == "return"
        for line in event["payload"]["lines"]
    }
    for event in fashion_shop.events():
        if event["event_type"] == "purchase":
            rate = 1.176 if event["payload"]["currency"] == "GBP" else 1.0
            kept = [
                one
                for one in event["payload"]["lines"]
                if (event["payload"]["order_id"], one["item_id"]) not in given_back
            ]
            who = event["user_id"]
            spent[who] = spent.get(who, 0.0) + rate * sum(one["amount"] for one in kept)
    del spent["m5"]  # does not agree to be recommended to
    rows = tables.read(lake, "gold.features").select("person_id", "spend").collect()
    assert {row["person_id"]: round(row["spend"], 2) for row in rows} == {
        who: round(amount, 2) for who, amount in spent.items()
    }
    assert given_back


def test_everyone_who_agreed_has_lists_of_their_own_shop(shop: Path, lake: Lake) -> None:
    answer = recommended(shop, "m1")
    assert answer["whose"] == "person:m1"
    assert {item["slot"] for item in answer["items"]} == {"again", "discover"}
    titles = {item["title"].split()[0] for item in answer["items"]}
    assert titles <= set(fashion_shop.STYLES)
    assert all(item["currency"] == "EUR" and item["price"] for item in answer["items"])
    assert recommended(shop, "m5")["whose"] == "segment:everyone"
    personas = tables.read(lake, "gold.segments").where("source = 'persona'").select("name").distinct().collect()
    assert personas and not any("high " in row["name"] or "UNKNOWN" in row["name"] for row in personas)

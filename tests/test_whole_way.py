"""The whole way on 50 households, with a real broker and Redis, against counts made apart in pandas."""

import json
import re
from collections import Counter

import pytest
from pyspark.sql import functions as F
from redis import Redis
from typer.testing import CliRunner

from expectations.schemas import TABLES
from jobs.champions import tracking
from jobs.commands.app import app
from jobs.job_list import job_named
from jobs.lake import tables
from jobs.landing import topic
from jobs.ledger.reconcile import reconcile, require
from jobs.local import demo
from jobs.local.shop import journey
from jobs.local.shop.contacts import contact
from jobs.local.shop.message import planted
from jobs.redis_store.client import connect
from jobs.redis_store.keys import Keys
from jobs.settings import toml_files
from models import registry
from tests.conftest import SmallLake
from tests.jobs.local.shop import shop_oracle
from tests.planting import found_in, found_in_redis

HOUSEHOLDS = 50


@pytest.fixture(scope="module")
def truth() -> shop_oracle.Expected:
    return shop_oracle.expected(HOUSEHOLDS)


@pytest.fixture(scope="module")
def consenting(small_lake: SmallLake, truth: shop_oracle.Expected) -> set[str]:
    """Who is recommended to: all others must be in no table of gold and in no key of Redis."""
    sent = journey.messages(HOUSEHOLDS, small_lake.settings.local.seed)
    people = shop_oracle.consenting(message.value for message in sent) & truth.people
    assert 0.8 * len(truth.people) < len(people) < len(truth.people)
    return people


def test_interactions_are_the_shops_lines(small_lake: SmallLake) -> None:
    real = tables.read(small_lake.lake, "silver.interactions").where("event_type = 'purchase' AND source IS NULL")
    columns = ["person_id", "item_id", "order_id", "quantity", "amount", "discount"]
    ours = real.withColumnRenamed("user_id", "person_id").select(*columns).toPandas()
    theirs = shop_oracle.interactions(HOUSEHOLDS)[columns]

    def rows(frame):  # type: ignore[no-untyped-def]
        return Counter(
            (
                row.person_id,
                row.item_id,
                row.order_id,
                round(float(row.quantity), 2),
                round(row.amount, 2),
                round(row.discount, 2),
            )
            for row in frame.itertuples()
        )

    assert rows(ours) == rows(theirs)


def test_counts_by_table(small_lake: SmallLake, truth: shop_oracle.Expected, consenting: set[str]) -> None:
    report = small_lake.report
    assert (report["purchase_lines"], report["baskets"]) == (truth.lines, truth.baskets)
    assert report["tables"]["bronze.catalog"] == truth.catalog
    assert report["tables"]["bronze.crm"] == truth.crm
    bought = tables.read(small_lake.lake, "gold.ratings").where("purchases > 0")
    lines = shop_oracle.bought(HOUSEHOLDS)
    pairs = lines[lines["person_id"].isin(consenting)][["person_id", "item_id"]].drop_duplicates()
    assert bought.count() == len(pairs)
    assert tables.read(small_lake.lake, "gold.features").count() == len(consenting)


WHERE_A_RULE_ASKS = {"gold.segments": {"silver.items", "silver.people"}}
"""Tables that are read only where a segment's rule asks for a category or an attribute."""
OF_ANY_PURPOSE = ("gold.segments", "gold.segment_changes", "gold.segment_checks")
EMPTY = ("quarantine.sources", "silver.identity_changes", "ops.identity_review", "gold.profile_history")
"""The demo's sources hold no broken row, and link no customers; who is who and what each is like is worked out once, of
all events."""
OF_PERSONALISATION = [
    name
    for name, table in TABLES.items()
    if name.startswith("gold.") and "person_id" in table.columns and name not in (*OF_ANY_PURPOSE, *EMPTY)
]


def test_each_segment_has_those_alone_who_allow_its_purpose(small_lake: SmallLake) -> None:
    sent = [message.value for message in journey.messages(HOUSEHOLDS, small_lake.settings.local.seed)]
    real = shop_oracle.expected(HOUSEHOLDS).people
    allowing = {purpose: shop_oracle.consenting(sent, purpose) for purpose in ("personalisation", "marketing")}
    assert allowing["marketing"] & real - allowing["personalisation"], "who allows the one alone is told apart"
    segments = toml_files.read_named("segments")
    rows = tables.read(small_lake.lake, "gold.segments").select("person_id", "segment_id", "source").collect()
    for row in rows:
        purpose = segments[row["segment_id"]]["purpose"] if row["source"] == "rule" else "personalisation"
        assert row["person_id"] not in real or row["person_id"] in allowing[purpose], row
    assert {row["source"] for row in rows} == {"persona", "rule"}
    for name in OF_ANY_PURPOSE[1:]:
        people = {row["person_id"] for row in tables.read(small_lake.lake, name).select("person_id").collect()}
        assert people and people & real <= set.union(*allowing.values()), name


@pytest.mark.parametrize("name", OF_PERSONALISATION)
def test_gold_knows_those_alone_who_allow_it(small_lake: SmallLake, consenting: set[str], name: str) -> None:
    people = {row["person_id"] for row in tables.read(small_lake.lake, name).select("person_id").distinct().collect()}
    bought = people & shop_oracle.expected(HOUSEHOLDS).people
    assert people and bought <= consenting


def test_features_are_what_people_did(small_lake: SmallLake, consenting: set[str]) -> None:
    ours = tables.read(small_lake.lake, "gold.features").select("person_id", "baskets", "lines", "spend").toPandas()
    theirs = shop_oracle.by_person(HOUSEHOLDS).loc[sorted(consenting)]
    joined = ours.set_index("person_id").join(theirs, rsuffix="_true", how="outer")
    assert (joined["baskets"] == joined["baskets_true"]).all()
    assert (joined["lines"] == joined["lines_true"]).all()
    assert (joined["spend"] - joined["spend_true"]).abs().max() < 0.005


def test_what_was_broken_lies_in_quarantine(small_lake: SmallLake) -> None:
    sown = planted(journey.messages(HOUSEHOLDS, small_lake.settings.local.seed))
    assert all(sown.values())
    assert small_lake.report["duplicates"] == sown.pop("duplicate")
    quarantine = tables.read(small_lake.lake, "quarantine.events")
    assert quarantine.count() == sum(sown.values())
    assert quarantine.where("size(reasons) = 0").count() == 0
    not_json = F.array_contains("reasons", "message: not JSON") | F.array_contains(
        "reasons", "message: not a JSON object"
    )
    assert quarantine.where(not_json).count() == sown["not_json"]
    assert quarantine.where(F.exists("reasons", lambda r: r.contains("is expected"))).count() == sown["wrong_type"]
    assert quarantine.where(F.exists("reasons", lambda r: r.endswith("missing"))).count() == sown["missing_field"]
    assert quarantine.where(F.exists("reasons", lambda r: r.startswith("occurred_at: "))).count() >= sown["bad_date"]


def test_the_ledger_balances_with_the_topic(small_lake: SmallLake) -> None:
    ledger = tables.read(small_lake.lake, "ops.ledger")
    parts = ledger.groupBy("partition").agg(F.sum("received").alias("received"), F.max("last_offset").alias("last"))
    rows = parts.collect()
    assert len(rows) == topic.partitions(small_lake.settings)
    assert all(row["received"] == row["last"] + 1 for row in rows)
    assert ledger.where("received != kept + quarantined + duplicate + refused").count() == 0


def test_its_accounts_balance(small_lake: SmallLake) -> None:
    balance = reconcile(small_lake.lake)
    assert balance.differences == []
    counts = small_lake.report["tables"]
    for name, table in (("received", "bronze.events"), ("kept", "silver.events"), ("quarantined", "quarantine.events")):
        assert sum(getattr(account, name) for account in balance.accounts) == counts[table]
    assert sum(account.duplicate for account in balance.accounts) == small_lake.report["duplicates"]
    require(balance)


def test_events_are_unique_and_derived_ones_are_marked(small_lake: SmallLake) -> None:
    events = tables.read(small_lake.lake, "silver.events")
    assert events.select("event_id").distinct().count() == events.count()
    invented = F.col("event_type").isin("product_view", "add_to_cart", "remove_from_cart", "identify", "consent")
    assert events.where(invented & (F.coalesce("context.source", F.lit("")) != "derived")).count() == 0
    assert events.where(~invented & F.col("context.source").isNotNull()).count() == 0


def test_whom_the_demo_names_stands_nowhere_in_the_lake(small_lake: SmallLake) -> None:
    identified = tables.read(small_lake.lake, "silver.events").where("event_type = 'identify'")
    assert (
        identified.count()
        == identified.where("payload.email LIKE 'email.v1.%' AND payload.phone LIKE 'phone.v1.%'").count()
        > 0
    )
    people = [contact(int(person)) for person in shop_oracle.expected(HOUSEHOLDS).people]
    named = [text for one in people for text in (one.email, one.phone, one.street)]
    marks = re.compile(b"|".join(re.escape(text.encode()) for text in named))
    assert found_in(small_lake.settings.home, ("kafka", "sources", "cache"), marks) == []
    client = connect(small_lake.settings.redis)
    assert list(client.scan_iter()) and found_in_redis(client, marks) == []


def test_every_table_opens_by_name(small_lake: SmallLake) -> None:
    for name, rows in small_lake.report["tables"].items():
        assert small_lake.lake.spark.table(name).count() >= rows, name
        assert (rows == 0) == (name in EMPTY), name


def test_discover_is_new_and_again_is_not(small_lake: SmallLake) -> None:
    bought = tables.read(small_lake.lake, "gold.ratings").where("purchases > 0").select("person_id", "item_id")
    lists = tables.read(small_lake.lake, "gold.recommendations").select("person_id", "item_id", "slot")
    assert lists.where("slot = 'discover'").join(bought, ["person_id", "item_id"], "left_semi").count() == 0
    assert lists.where("slot = 'again'").join(bought, ["person_id", "item_id"], "left_anti").count() == 0
    sizes = lists.where("slot = 'discover'").groupBy("person_id").count().select("count").distinct().collect()
    assert [row["count"] for row in sizes] == [small_lake.settings.recommendations.discover]


def test_redis_holds_everyone_who_bought_and_allows_it(
    small_lake: SmallLake, truth: shop_oracle.Expected, consenting: set[str]
) -> None:
    client: Redis = connect(small_lake.settings.redis)
    version = client.get(Keys("rec").current)
    assert version == tables.read(small_lake.lake, "gold.recommendations").first()["version"]
    first = tables.read(small_lake.lake, "gold.recommendations").where("rank = 1 AND slot = 'again'").collect()
    best = {row["person_id"]: row["item_id"] for row in first}
    assert not [who for who in truth.people - consenting if client.exists(f"{{rec}}:{version}:person:{who}")]
    for person in consenting:
        lists = json.loads(str(client.get(f"{{rec}}:{version}:person:{person}")))
        assert lists["again"][0][0] == best[person]
    assert 0 < int(client.ttl(f"{{rec}}:{version}:person:{person}")) <= 7 * 86_400


def test_models_are_registered_with_what_they_were_made_of(small_lake: SmallLake) -> None:
    where = tracking.registry_of(small_lake.settings)
    candidate = registry.resolve(where, "als", registry.CANDIDATE)
    assert candidate and candidate.params["rank"] == "8"
    assert candidate.tags["gate"] and candidate.tags["delta.gold.ratings"].isdigit() and candidate.tags["commit"]
    assert 0 <= candidate.metrics["new"]["ndcg@10"] <= 1
    assert registry.resolve(where, "personas", registry.CHAMPION)


@pytest.mark.parametrize(
    "rooms", [("bronze", "silver"), pytest.param(("bronze", "silver", "gold", "train"), marks=pytest.mark.long)]
)
def test_the_demo_again_changes_nothing(
    small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch, rooms: tuple[str, ...]
) -> None:
    """Gold is made anew of silver each time. What could double is what is sent and landed."""
    every = demo.of_rooms
    monkeypatch.setattr(demo, "of_rooms", lambda *named: every(*(room for room in named if room in rooms)))
    if "gold" not in rooms:
        monkeypatch.setattr(demo, "_gate", lambda settings, names: None)
    before = {
        k: v for k, v in small_lake.report["tables"].items() if not k.startswith(("ops.", "gold.person_", "gold.item_"))
    }
    again = demo.run(small_lake.settings, HOUSEHOLDS)
    assert {name: again["tables"][name] for name in before} == before
    assert again["duplicates"] == small_lake.report["duplicates"]
    assert again["quarantined"] == small_lake.report["quarantined"]


def test_recommend_prints_names_prices_and_version(
    small_lake: SmallLake, consenting: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in small_lake.environment.items():
        monkeypatch.setenv(name, value)
    person = min(consenting)
    result = CliRunner().invoke(app, ["recommend", person, "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["whose"] == f"person:{person}" and "-als" in answer["version"]
    assert {item["slot"] for item in answer["items"]} == {"again", "discover"}
    again = [item for item in answer["items"] if item["slot"] == "again"]
    assert all(item["title"] and item["price"] is not None and item["reason"] == "bought_before" for item in again)
    stranger = json.loads(CliRunner().invoke(app, ["recommend", "nobody", "--json"]).stdout)
    assert stranger["whose"] == "segment:everyone" and stranger["items"]
    segment = json.loads(CliRunner().invoke(app, ["recommend", "nobody", "--segment", "persona-1", "--json"]).stdout)
    assert segment["whose"] == "segment:persona-1"


def test_every_job_reads_what_it_declares_and_nothing_else(small_lake: SmallLake) -> None:
    """The order of `run all`, the DAGs' test and the docs stand on the declarations."""
    wrong = []
    for name, read in small_lake.read.items():
        job = job_named(name)
        declared = {*job.reads, *job.looks_back}
        allowed = read if "tables" in job.flags else set()
        wrong += [f"{name} reads {table} and does not say so" for table in read - declared - {*job.writes} - allowed]
        needless = ({*job.reads} & set(TABLES)) - read - WHERE_A_RULE_ASKS.get(name, set())
        wrong += [f"{name} does not read {table}" for table in needless]
    assert len(small_lake.read) > 15 and not wrong, wrong

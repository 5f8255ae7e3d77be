"""silver.identities and what it fills beside: small stories, and random histories in whatever batches they come."""

import itertools
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from expectations.schemas import TABLES
from jobs import job
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing.outcomes import as_events, as_judged
from jobs.people.identifier import Identifier
from jobs.people.identity_history import take_up, take_up_all
from jobs.people.operator_links import join, split
from jobs.people.sightings import as_identifiers, as_links, as_sightings, is_identifier
from jobs.silver import identities
from tests.events import event, received
from tests.other_lake import changed, rooted

OPTIONS = job.Options(datetime(2018, 1, 2, tzinfo=UTC))
START = datetime(2018, 1, 1)


def seen(text: str, number: int = 0) -> dict[str, Any]:
    """`u1 a1 d1`: a page view by these identifiers; with an e, p or c among them an identify event, which has all but
    the first in its payload."""
    names = {"u": "user_id", "a": "anonymous_id", "d": "device_id", "e": "email", "p": "phone", "c": "crm_id"}
    ids = {names[one[0]]: one for one in text.split()}
    own: dict[str, Any] = {name: ids.pop(name, None) for name in ("user_id", "anonymous_id", "device_id")}
    kind = "identify" if ids else "page_view"
    payload = ids or {"url": "/"}
    own |= {"event_id": f"n{number}", "payload": payload, "occurred_at": "2017-12-01T00:00:00Z"}
    return event(kind, **own)


def events(lake: Lake, *texts: str, first: int = 0) -> DataFrame:
    """As rows of silver.events, received one second after the other."""
    messages = [seen(text, first + number) for number, text in enumerate(texts)]
    rows = received(lake.spark, messages, first)
    rows = rows.withColumn("received_at", F.lit(START) + F.make_dt_interval(secs=F.col("offset")))
    judged = as_judged(rows, committed_contract())
    return as_events(judged.withColumn("outcome", F.lit("kept")), late_hours=24)


def land(lake: Lake, *texts: str, first: int = 0) -> None:
    """One micro-batch."""
    identities.land(lake, events(lake, *texts, first=first), lake.settings.identity)


def arrive(lake: Lake, *texts: str, first: int = 0) -> None:
    tables.create(lake, "silver.crm")
    tables.append(lake, "silver.events", events(lake, *texts, first=first))


def customer(lake: Lake, user: str, day: int, until: int | None = None, **fields: str) -> None:
    """A state of a customer in silver.crm, valid from a day of January on."""
    tables.create(lake, "silver.crm")
    crm = TABLES["silver.crm"]
    at, ended = START + timedelta(days=day), None if until is None else START + timedelta(days=until)
    row: dict[str, Any] = {"user_id": user, "attributes": {}, "valid_from": at, "valid_to": ended, **fields}
    tables.append(lake, "silver.crm", lake.spark.createDataFrame([tuple(map(row.get, crm.names))], crm.ddl))


def run(lake: Lake) -> None:
    identities.main(lake, OPTIONS)


def persons(lake: Lake) -> dict[str, str]:
    """Identifier -> its person now."""
    rows = tables.read(lake, "silver.identities").where("valid_to IS NULL").collect()
    assert len({row["identifier"] for row in rows}) == len(rows), "no identifier is two people's"
    return {row["identifier"]: row["person_id"].rpartition(":")[2] for row in rows}


def state(lake: Lake) -> list[tuple[Any, ...]]:
    """All that identities say now, but when they learned it and by what."""
    now = tables.read(lake, "silver.identities").where("valid_to IS NULL")
    columns = ("identifier_type", "identifier", "person_id", "component", "is_shared", "received_at")
    return sorted(tuple(row) for row in now.select(*columns).collect())


def written(lake: Lake) -> list[int]:
    return [tables.version(lake, f"silver.{name}") for name in ("identities", "identity_changes", "identity_links")]


def changes(lake: Lake) -> list[tuple[Any, ...]]:
    rows = tables.read(lake, "silver.identity_changes").orderBy("changed_at", "from_person_id").collect()
    return [
        (
            row["kind"],
            row["from_person_id"],
            row["person_id"],
            row["cause"],
            [one["identifier"] for one in row["identifiers"]],
        )
        for row in rows
    ]


def test_a_visitor_logs_in_and_two_devices_are_one_person(lake: Lake) -> None:
    land(lake, "a1 d1", "u1 d2", "a3")
    assert persons(lake) == {"a1": "a1", "d1": "a1", "u1": "u1", "d2": "u1", "a3": "a3"}
    land(lake, "u1 a1", first=3)
    assert persons(lake) == {"a1": "a1", "d1": "a1", "u1": "a1", "d2": "a1", "a3": "a3"}, "the older one's name is kept"
    assert changes(lake) == [("merge", "u1", "anonymous_id:a1", "login", ["d2", "u1"])]
    before = written(lake)
    land(lake, "u1 a1", "a3", "u1 d2", first=4)
    assert written(lake) == before, "nothing new, nothing written"


def test_an_operator_parts_what_was_one_and_each_has_their_own_again(lake: Lake) -> None:
    land(lake, "a1", "u1 d2", "u1 a1")
    assert set(persons(lake).values()) == {"a1"}
    split(lake, Identifier("user_id", "u1"), Identifier.parsed("anonymous_id:a1"))
    assert persons(lake) == {"a1": "a1", "u1": "u1", "d2": "u1"}
    assert changes(lake)[-1] == ("split", "anonymous_id:a1", "u1", "operator", ["d2", "u1"])
    land(lake, "u1 a1", first=3)
    assert persons(lake)["u1"] == "u1", "the operator's word counts for more than the next login"
    join(lake, Identifier("user_id", "u1"), Identifier("anonymous_id", "a1"))
    assert persons(lake)["u1"] == "a1"


def test_an_operator_names_what_there_is(lake: Lake) -> None:
    land(lake, "u1 a1")
    with pytest.raises(
        OperatorError, match="user_id:u2 is not linked with anything; see: lakehouse identity show user_id:u2"
    ):
        split(lake, Identifier.parsed("u2"))
    with pytest.raises(OperatorError, match="anonymous_id:u2 was never seen; write it as type:value"):
        join(lake, Identifier.parsed("u1"), Identifier.parsed("anonymous_id:u2"))


def test_what_the_crm_says_holds_as_long_as_it_does(lake: Lake) -> None:
    customer(lake, "u2", day=0, until=1, email="e1")
    arrive(lake, "a1", "a1 e1")
    run(lake)
    assert persons(lake) == {"a1": "a1", "e1": "a1", "u2": "u2"}, "it said so, and does no more"
    customer(lake, "u2", day=2, email="e1", phone="p1")
    run(lake)
    assert persons(lake) == {"a1": "u2", "e1": "u2", "u2": "u2", "p1": "u2"}


def test_what_is_shared_links_nobody_until_it_is_not(lake: Lake) -> None:
    lake = changed(lake, identity={"most_people": 2})
    land(lake, "u1 d1", "u2 d1")
    assert persons(lake) == {"u1": "u1", "d1": "u1", "u2": "u2"}
    land(lake, "u3 d1", first=2)
    assert persons(lake) == {"u1": "u1", "d1": "d1", "u2": "u2", "u3": "u3"}
    assert changes(lake)[-1] == ("split", "u1", "device_id:d1", "device", ["d1"])
    split(lake, Identifier("user_id", "u3"))
    assert persons(lake) == {"u1": "u1", "d1": "u1", "u2": "u2", "u3": "u3"}


def test_other_rules_hold_for_who_was_seen_before(lake: Lake) -> None:
    arrive(lake, "u1 d1", "u2 d1", "u9 a1 d7", "u9 a2")
    run(lake)
    assert persons(lake)["a1"] == persons(lake)["a2"] == "u9"
    run(changed(lake, identity={"most_people": 1}))
    assert persons(lake)["d1"] == "d1"
    assert changes(lake)[-1] == ("split", "u1", "device_id:d1", "rules", ["d1"])
    run(changed(lake, identity={"junk": ("u9",)}))
    others = {name: person for name, person in persons(lake).items() if name not in ("u1", "u2")}
    expected = {"d1": "u1", "a1": "a1", "d7": "a1", "a2": "a2", "u9": "u9"}
    assert others == expected, "what stood beside nobody's name is still together"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("null", "what a client sends in place of an id"),
        ("Unknown", "in whatever case"),
        ("0000", "all zeros"),
        ("00000000-0000-0000-0000-000000000000", "a UUID of zeros"),
        ("aaaa-aaaa", "one character eight times"),
        (" ", "nothing"),
    ],
)
def test_junk_names_nobody(lake: Lake, value: str, reason: str) -> None:
    rows = lake.spark.createDataFrame([(value,), ("a-77",), ("22",), ("x0000",)], "value string")
    names = rows.where(is_identifier(F.col("value"), lake.settings.identity)).collect()
    assert [row["value"] for row in names] == ["a-77", "22", "x0000"], reason


@pytest.mark.parametrize("table", ["silver.identities", "silver.identity_changes", "silver.identity_links"])
def test_killed_before_any_of_its_writes_it_ends_the_same(
    lake: Lake, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(lake, "a1 d1", "u1 d2")
    for name in ("append", "merge"):
        monkeypatch.setattr(tables, name, killed_at(table, getattr(tables, name)))
    with pytest.raises(KeyboardInterrupt):
        land(lake, "u1 a1", "u2 d2", "u1 e1", first=2)
    monkeypatch.undo()
    land(lake, "u1 a1", "u2 d2", "u1 e1", first=2)
    assert persons(lake) == {"a1": "a1", "d1": "a1", "u1": "a1", "d2": "a1", "u2": "u2", "e1": "a1"}
    assert changes(lake) == [("merge", "u1", "anonymous_id:a1", "login", ["d2", "u1"])]
    assert tables.row_count(lake, "silver.identity_links") == 5
    assert tables.row_count(lake, "silver.identities") == 8


def killed_at(table: str, write: Callable[..., Any]) -> Callable[..., Any]:
    def writing(lake: Lake, name: str, *rest: Any) -> Any:
        if name == table:
            raise KeyboardInterrupt
        return write(lake, name, *rest)

    return writing


def history(draw: random.Random, length: int) -> list[str]:
    sizes = {"u": 8, "a": 12, "d": 6, "e": 5, "p": 4, "c": 3}

    def one() -> str:
        letters = {draw.choice("ua"), *draw.sample([*sizes], draw.randint(0, 3))}
        return " ".join(f"{letter}{draw.randrange(size)}" for letter, size in sizes.items() if letter in letters)

    return [one() for _ in range(length)]


@pytest.mark.parametrize("seed", [1, *[pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12)]])
def test_in_whatever_batches_it_comes_it_is_as_if_it_came_at_once(lake: Lake, seed: int, tmp_path: Path) -> None:
    limits = {**lake.settings.identity.limits, "anonymous_id": 3, "device_id": 2, "email": 2}
    lake = changed(lake, identity={"most_people": 2, "most_links": 6, "limits": limits})
    draw = random.Random(seed)
    texts = history(draw, 60)
    cuts = [0, *sorted(draw.sample(range(1, len(texts)), 4)), len(texts)]
    for start, end in itertools.pairwise(cuts):
        land(lake, *texts[start:end], first=start)
        if draw.random() < 0.5:
            with suppress(OperatorError):
                split(lake, Identifier.parsed(f"u{draw.randrange(8)}"))
    at_once = rooted(lake, tmp_path / "at once")
    said = tables.read(lake, "silver.identity_links").where("source = 'operator'")
    everything = as_sightings(events(lake, *texts), lake.settings.identity)
    all_links = as_links(everything).unionByName(said)
    take_up(at_once, lake.settings.identity, as_identifiers(everything), all_links)
    before = state(lake)
    assert before == state(at_once)
    assert any(row[4] for row in before) and len(changes(lake)) > 3, "the history has what it is to test"
    take_up_all(lake, lake.settings.identity)
    assert state(lake) == before

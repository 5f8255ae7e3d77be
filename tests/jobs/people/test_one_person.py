"""What was said under any identifier of a person binds the person: `personal` by silver.identities."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people import resolution
from jobs.people.identifier import Identifier
from jobs.people.identity import own_person_id
from jobs.people.personal import personal, personal_tables
from tests.other_lake import fill

AS_OF = datetime(2017, 3, 9, tzinfo=UTC)

PERSON_OF = {
    "anonymous_id:laptop": "1",
    "anonymous_id:phone": "1",
    "2": "anonymous_id:oldest",
    "anonymous_id:oldest": "anonymous_id:oldest",
    "anonymous_id:tablet": "4",
    "user_id:x:y": "anonymous_id:colon",
}
"""Whom who belongs to: 3 and 5 are known by nothing else; the tablet is 4's, and 5 uses it too."""

SAID = [
    # user_id, anonymous_id, granted, day, why
    (None, "laptop", True, 1, "a visitor agrees, and is the user 1"),
    ("2", None, True, 1, "a user agrees, who is an older visitor"),
    (None, "oldest", False, 2, "and then refuses as a visitor"),
    ("3", None, True, 1, "somebody who is nobody else"),
    ("4", "tablet", False, 1, "4 refuses on the tablet"),
    ("5", "tablet", True, 2, "5 agrees on it, which is not for 4 to have said"),
    ("x:y", None, True, 1, "an id with a colon"),
    ("6", "unknown", True, 1, "identifiers that nothing is known of yet"),
]

ROWS = [
    # user_id, anonymous_id, whose it is, or None where it is not allowed
    ("1", None, "1", "what was granted as a visitor holds for the user"),
    (None, "laptop", "1", "and for the visitor"),
    (None, "phone", "1", "and on another device"),
    ("1", "phone", "1", "with both"),
    ("2", None, None, "the last word, said as a visitor, binds the user"),
    (None, "oldest", None, "and the visitor"),
    ("3", None, "3", "one alone"),
    ("3", "laptop", "3", "on the device of another who agrees"),
    ("3", "oldest", None, "on the device of one who refuses: either may"),
    ("4", None, None, "5's word on 4's tablet does not undo 4's"),
    (None, "tablet", None, "nor for its visitors, who are 4"),
    ("5", None, "5", "5 alone agrees"),
    ("x:y", None, "anonymous_id:colon", "an id with a colon has a name of its own"),
    (None, "stranger", None, "who said nothing allows nothing"),
    ("6", None, "6", "the user who agreed"),
    (None, "unknown", None, "not their visitor, as long as it is not known that they are one"),
]


@pytest.fixture
def known(lake: Lake) -> Lake:
    identities = []
    for own, person in PERSON_OF.items():
        kind, identifier = Identifier.parsed(own)
        row = {"identifier_type": kind, "identifier": identifier, "person_id": person, "valid_from": AS_OF}
        identities += [row, {**row, "person_id": "somebody before", "valid_to": AS_OF}]
    fill(lake, "silver.identities", identities)
    fill(
        lake,
        "silver.consents",
        [
            {
                **{"user_id": user, "anonymous_id": visitor, "is_granted": granted, "purpose": "personalisation"},
                **{"said_by": "person", "valid_from": datetime(2017, 3, day), "recorded_at": datetime(2017, 3, day)},
            }
            for user, visitor, granted, day, _ in SAID
        ],
    )
    fill(lake, "silver.people", [{"user_id": user, "anonymous_id": visitor} for user, visitor, _, _ in ROWS])
    return lake


@pytest.mark.parametrize("most_held", [100_000, 0])
def test_whose_a_row_is_and_whether_they_allow_it(known: Lake, most_held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.people.personal.BROADCAST_ROWS", most_held)
    spark = known.spark
    numbered = spark.createDataFrame(
        [(user, visitor, str(number)) for number, (user, visitor, _, _) in enumerate(ROWS)],
        "user_id string, anonymous_id string, number string",
    ).select(
        "user_id", "anonymous_id", F.create_map(F.lit("row"), "number").alias("attributes"), F.lit(0).alias("events")
    )
    columns = [F.lit(None).alias(name) for name in TABLES["silver.people"].names if name not in numbered.columns]
    tables.overwrite(known, "silver.people", numbered.select("*", *columns))
    rows = personal(known, "silver.people", "personalisation", AS_OF).collect()
    owners = {int(row["attributes"]["row"]): row["person_id"] for row in rows}
    assert {why: owners.get(number) for number, (*_, why) in enumerate(ROWS)} == {
        why: owner for _, _, owner, why in ROWS
    }


def test_where_everybody_may_be_counted_who_refused_anywhere_is_not(known: Lake) -> None:
    told = tables.read(known, "silver.consents").withColumn("purpose", F.lit("analytics"))
    tables.overwrite(known, "silver.consents", told.localCheckpoint())
    rows = personal(known, "silver.people", "analytics", AS_OF).groupBy("person_id").count().collect()
    assert {row["person_id"]: row["count"] for row in rows} == {
        **{"1": 4, "3": 2, "5": 1, "anonymous_id:colon": 1, "6": 1},
        **{"anonymous_id:stranger": 1, "anonymous_id:unknown": 1},
    }


def test_what_has_the_name_of_a_former_person_keeps_it_and_asks_who_they_are_now(known: Lake) -> None:
    names = ["1", "2", "3", "4", "anonymous_id:laptop", "anonymous_id:oldest", "anonymous_id:stranger"]
    fill(known, "gold.ratings", [{"person_id": name, "item_id": "i"} for name in names])
    rows = personal(known, "gold.ratings", "personalisation", AS_OF).collect()
    assert {row["person_id"] for row in rows} == {"1", "3", "anonymous_id:laptop"}


@pytest.mark.parametrize("most_held", [100_000, 0])
def test_of_some_people_are_the_rows_that_all_have_of_them(
    known: Lake, most_held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a name that is another person's now too: whoever asks for it gets nothing of that person."""
    monkeypatch.setattr("jobs.people.personal.BROADCAST_ROWS", most_held)
    fill(known, "gold.ratings", [{"person_id": name, "item_id": "i"} for name in ("1", "3", "anonymous_id:laptop")])
    names = {*PERSON_OF, *PERSON_OF.values(), "nobody"}
    for purpose in ("personalisation", "analytics"):
        everyone = personal(known, "silver.people", purpose, AS_OF).groupBy("person_id").count().collect()
        for asked in ({name} for name in sorted(names)):
            people = known.spark.createDataFrame([(name,) for name in asked], "person_id string")
            rows, of_gold = personal_tables(known, ("silver.people", "gold.ratings"), purpose, AS_OF, people)
            counts = {row["person_id"]: row["count"] for row in rows.groupBy("person_id").count().collect()}
            assert counts == {row["person_id"]: row["count"] for row in everyone if row["person_id"] in asked}
            owners = {PERSON_OF.get(row["person_id"], row["person_id"]) for row in of_gold.collect()}
            assert owners <= asked


def test_one_name_in_columns_in_arrays_and_of_one(lake: Lake) -> None:
    pairs = [("user_id", "900"), ("user_id", "a:b"), ("user_id", "crm_id:7"), ("crm_id", "7"), ("anonymous_id", "a-77")]
    frame = lake.spark.createDataFrame(pairs, "kind string, value string")
    in_columns = [row[0] for row in frame.select(own_person_id(F.col("kind"), F.col("value"))).collect()]
    kinds, values = (pd.Series(part) for part in zip(*pairs, strict=True))
    expected = ["900", "user_id:a:b", "user_id:crm_id:7", "crm_id:7", "anonymous_id:a-77"]
    assert in_columns == [*resolution.own_person_ids(kinds, values)] == expected
    assert [Identifier(*pair).own_person_id for pair in pairs] == expected
    assert [Identifier.parsed(one) for one in expected] == [Identifier(*pair) for pair in pairs]

"""The contract every recommender keeps: same arguments, same rows, whatever it has learned."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from expectations.schemas import TABLES
from jobs.settings.loading import load
from models.params import AlsParams
from models.recommender_list import RECOMMENDERS
from tests.models.builders import RECOMMENDED, pairs, people, ratings

Top = Callable[..., DataFrame]
PEOPLE = [f"p{i}" for i in range(12)]
ITEMS = [str(i) for i in range(1, 31)]


SMALL: dict[str, Any] = {"als": AlsParams(rank=4, iterations=3, min_people=1, blocks=2)}
"""Parameters that suit so few rows, where the settings' own do not."""


def params_of(name: str) -> Any:
    return SMALL.get(name) or load("local").params_of(name)


@pytest.fixture(scope="module", params=list(RECOMMENDERS))
def top(request: pytest.FixtureRequest, spark: SparkSession) -> Top:
    rows = [
        (person, item, 1 + (p * i) % 5)
        for p, person in enumerate(PEOPLE)
        for i, item in enumerate(ITEMS)
        if (p + i) % 3 == 0 or i < 6
    ]
    one = RECOMMENDERS[request.param]
    model = one.fit(ratings(spark, *rows), params_of(one.name))
    if one.kept is not None:  # as it is asked once it was saved
        model = one.kept.from_frames(one.kept.as_frames(model))
    return partial(one.top_n, model)


def test_columns_and_types(spark: SparkSession, top: Top) -> None:
    listed = top(people(spark, "p1"), 3)
    assert [(f.name, f.dataType.simpleString()) for f in listed.schema] == [
        tuple(column.split()) if column.split()[1] != "long" else column for column in RECOMMENDED.split(", ")
    ]


def test_n_rows_ranked_from_one_without_doubles_by_falling_score(spark: SparkSession, top: Top) -> None:
    rows = top(people(spark, *PEOPLE), 7).collect()
    for person in PEOPLE:
        mine = sorted((r.rank, r.item_id, r.score) for r in rows if r.person_id == person)
        assert [rank for rank, _, _ in mine] == [1, 2, 3, 4, 5, 6, 7]
        assert len({item for _, item, _ in mine}) == 7
        scores = [score for _, _, score in mine]
        assert scores == sorted(scores, reverse=True)


def test_only_people_asked_for(spark: SparkSession, top: Top) -> None:
    assert {r.person_id for r in top(people(spark, "p3", "p5"), 2).collect()} == {"p3", "p5"}


def test_a_shorter_list_is_the_head_of_a_longer_one(spark: SparkSession, top: Top) -> None:
    shoppers = people(spark, *PEOPLE)
    long, short = top(shoppers, 9).where("rank <= 4"), top(shoppers, 4)
    pick = ["person_id", "rank", "item_id"]
    assert sorted(long.select(*pick).collect()) == sorted(short.select(*pick).collect())


def test_seen_is_left_out_and_still_n_rows(spark: SparkSession, top: Top) -> None:
    shoppers = people(spark, "p1", "p2")
    before = top(shoppers, 5).where("person_id = 'p1'").select("person_id", "item_id")
    rows = top(shoppers, 5, before).collect()
    taken = {r.item_id for r in before.collect()}
    assert len([r for r in rows if r.person_id == "p1"]) == 5
    assert not taken & {r.item_id for r in rows if r.person_id == "p1"}
    # Only p1 has seen them: p2's list stays.
    assert {r.item_id for r in rows if r.person_id == "p2"} == {
        r.item_id for r in top(shoppers, 5).where("person_id = 'p2'").collect()
    }


def test_everything_seen_gives_no_row(spark: SparkSession, top: Top) -> None:
    assert top(people(spark, "p1"), 5, pairs(spark, p1=" ".join(ITEMS))).count() == 0


def test_only_candidates(spark: SparkSession, top: Top) -> None:
    items = spark.createDataFrame([("2",), ("3",), ("not sold",)], "item_id string")
    listed = top(people(spark, "p1", "p2"), 5, None, items)
    assert sorted((r.person_id, r.item_id) for r in listed.collect()) == [
        ("p1", "2"),
        ("p1", "3"),
        ("p2", "2"),
        ("p2", "3"),
    ]


@pytest.mark.parametrize("name", RECOMMENDERS)
def test_a_list_is_for_those_it_names_and_gives_its_reason(spark: SparkSession, name: str) -> None:
    """`people_of` tells, without a list being made, whom `top_n` has one for; every row of it has a reason."""
    one = RECOMMENDERS[name]
    rows = [(person, item, 1) for person in ("p1", "p2") for item in ITEMS[:5]]
    model = one.fit(ratings(spark, *rows), params_of(name))
    lists = (
        one.top_n(model, people(spark, "p1", "p2", "nobody"), 3).withColumn("_why", one.reason()).select("*", "_why.*")
    )
    served, with_list = {row.person_id for row in lists.collect()}, one.people_of(model)
    everybody = {"p1", "p2", "nobody"}
    assert served == (everybody if with_list is None else {row.person_id for row in with_list.collect()} & everybody)
    assert lists.where("reason IS NULL OR reason_values IS NULL").count() == 0


@pytest.mark.parametrize("name", [name for name, one in RECOMMENDERS.items() if one.kept])
def test_what_is_kept_fits_the_tables_that_take_it(spark: SparkSession, name: str) -> None:
    one = RECOMMENDERS[name]
    assert one.kept is not None
    frames = one.kept.as_frames(one.fit(ratings(spark, ("p1", "1", 1), ("p2", "2", 1)), params_of(name)))
    assert set(frames) == set(one.kept.tables)
    assert {table: {*frame.columns, "run_id"} for table, frame in frames.items()} == {
        table: set(TABLES[table].names) for table in frames
    }

"""Which persona is which from week to week: ids stay, go and never come back."""

from dataclasses import replace

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from models import persona_labels, personas
from models.params import PersonasParams
from models.personas import PersonasModel

PARAMS = PersonasParams(algorithms="kmeans", k_min=3, k_max=3, min_share=0.1)
KINDS = {
    "rich": (5000.0, 3.0, 0.1),
    "rare": (60.0, 200.0, 0.1),
    "meat": (700.0, 20.0, 0.9),
    "late": (900.0, 90.0, 0.02),
}
"""What each kind spends, how many days ago, and how much of it on meat."""
COLUMNS = "person_id string, spend double, recency_days double, `category:MEAT` double"


def week(spark: SparkSession, number: int, *kinds: str) -> DataFrame:
    """Forty people of each kind; all spend a twentieth more each week, and none exactly what they did."""
    rng = np.random.default_rng(number)
    rows = [
        (f"{kind}-{i}", *(float(x) for x in np.array(KINDS[kind]) * rng.lognormal(0, 0.1, 3) * (1.05**number, 1, 1)))
        for kind in kinds
        for i in range(40)
    ]
    return spark.createDataFrame(rows, COLUMNS)


def ids(model: PersonasModel, features: DataFrame) -> dict[str, str]:
    """The segment_id of each kind, all of whose people are in one."""
    pairs = {(row.person_id.split("-")[0], row.segment_id) for row in personas.assign(model, features).collect()}
    assert len(pairs) == len(dict(pairs)) == 3
    return dict(pairs)


def test_ids_stay_with_their_kind_and_never_come_back(spark: SparkSession) -> None:
    weeks = [
        ("rich", "rare", "meat"),
        ("rich", "rare", "meat"),  # drifted
        ("rich", "late", "rare"),  # nobody buys meat; another kind comes, and spends more than the rare ones
        ("rich", "rare", "meat"),  # as they were: "late" is gone, and "meat" is not known any more
    ]
    frames = [week(spark, number, *kinds) for number, kinds in enumerate(weeks)]
    model = personas.fit(frames[0], PARAMS)
    seen = [ids(model, frames[0])]
    told: list[tuple[set[str], list[str], list[str]]] = []
    names = {one.segment_id: one.name for one in model.personas}
    for features in frames[1:]:
        model, changes = persona_labels.relabelled(personas.fit(features, PARAMS), features, model, features, 1.0)
        seen.append(ids(model, features))
        new, retired = ([one.segment_id for one in some] for some in (changes.new, changes.retired))
        told.append((set(changes.kept), new, retired))
        assert all(names.setdefault(one.segment_id, one.name) == one.name for one in model.personas), "names stay too"
    first = {"rich": "persona-1", "meat": "persona-2", "rare": "persona-3"}
    assert seen == [
        first,
        first,
        {"rich": "persona-1", "late": "persona-4", "rare": "persona-3"},
        {"rich": "persona-1", "meat": "persona-5", "rare": "persona-3"},
    ]
    assert told == [
        ({"persona-1", "persona-2", "persona-3"}, [], []),
        ({"persona-1", "persona-3"}, ["persona-4"], ["persona-2"]),
        ({"persona-1", "persona-3"}, ["persona-5"], ["persona-4"]),
    ]
    assert model.last_number == 5


@pytest.mark.parametrize(
    ("distances", "expected", "reason"),
    [
        ([[0.1, 5], [5, 0.2]], {0: 0, 1: 1}, "each its own"),
        ([[5, 0.1], [0.2, 5]], {0: 1, 1: 0}, "the other order"),
        ([[0.4, 0.5], [0.1, 0.9]], {0: 1, 1: 0}, "0.6 in all, where each row's nearest is the same one"),
        ([[0.1, 5], [5, 1.1]], {0: 0}, "one lies too far"),
        ([[0.9, 40], [0.1, 0.9]], {1: 0}, "one that is near, and one new, are better than two that have moved so far"),
        ([[3, 0.9], [0.2, 90]], {0: 1, 1: 0}, "how far those lie that are not matched does not count"),
        ([[0.1], [0.3]], {0: 0}, "one more than before"),
        ([[0.3, 0.1]], {0: 1}, "one less"),
        ([[2.0]], {}, "none"),
        ([[1.0]], {0: 0}, "as far as it may"),
    ],
)
def test_who_is_matched(distances: list[list[float]], expected: dict[int, int], reason: str) -> None:
    assert persona_labels.matches(np.array(distances, dtype=float), 1.0) == expected, reason


def test_numbers_that_were_given_are_not_given_again(spark: SparkSession) -> None:
    """Neither those of the champion, nor those of a newer version that an operator set back."""
    features = week(spark, 0, "rich", "rare", "meat")
    model = personas.fit(features, PARAMS)
    of_a_former_release = replace(model, last_number=None)
    assert persona_labels.last_given(of_a_former_release) == 3
    beyond = tuple(tuple(x + 99 for x in centre) for centre in model.clustering.centres)
    far = replace(model, clustering=replace(model.clustering, centres=beyond))
    fresh, changes = persona_labels.relabelled(model, features, far, features, 1.0, last_number=7)
    assert [one.segment_id for one in fresh.personas] == ["persona-8", "persona-9", "persona-10"]
    assert [one.segment_id for one in changes.retired] == ["persona-1", "persona-2", "persona-3"]


def test_a_new_persona_has_a_name_of_its_own(spark: SparkSession) -> None:
    """Two stay and bear the names of the week before; the third must not take one of them."""
    features = week(spark, 0, "rich", "rare", "meat")
    model = personas.fit(features, PARAMS)
    third = model.personas[2].name
    renamed = tuple(replace(one, name=third) for one in model.personas[:1]) + model.personas[1:]
    centres = (*model.clustering.centres[:2], tuple(x + 9 for x in model.clustering.centres[2]))
    former = replace(model, personas=renamed, clustering=replace(model.clustering, centres=centres))
    fresh, _ = persona_labels.relabelled(model, features, former, features, 1.0)
    assert [one.name for one in fresh.personas] == [third, model.personas[1].name, f"{third} (2)"]

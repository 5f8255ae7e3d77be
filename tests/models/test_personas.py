"""Personas on shoppers drawn from three known kinds."""

import json
from dataclasses import replace

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from models import persona_names, persona_space, personas
from models.errors import TooLittleData
from models.params import PersonasParams
from models.persona_space import SpaceError
from models.personas import PersonasError

COLUMNS = ("recency_days", "spend", "lines", "category:MEAT", "constant")
PARAMS = PersonasParams(algorithms="kmeans", k_min=2, k_max=4, min_share=0.1)
"""MLlib takes a second for each fit, however few the people: the other algorithms have tests of their own."""


def shoppers(spark: SparkSession, sizes: tuple[int, ...] = (60, 90, 150), seed: int = 1) -> DataFrame:
    """Kind 0 spends much and lately, kind 1 little and long ago, kind 2 the middle and all meat."""
    rng = np.random.default_rng(seed)
    kinds = [(2.0, 5000.0, 900.0, 0.1), (200.0, 50.0, 9.0, 0.1), (20.0, 600.0, 100.0, 0.9)]
    rows = []
    for kind, size in enumerate(sizes):
        for i in range(size):
            values = [float(x) for x in np.array(kinds[kind]) * rng.lognormal(0, 0.15, size=4)]
            rows.append((f"kind{kind}-{i}", *values, 1.0))
    return spark.createDataFrame(rows, f"person_id string, {', '.join(f'`{c}` double' for c in COLUMNS)}")


@pytest.fixture(scope="module")
def model(spark: SparkSession) -> personas.PersonasModel:
    return personas.fit(shoppers(spark), PARAMS)


def test_finds_the_kinds_and_numbers_them_by_spend(spark: SparkSession, model: personas.PersonasModel) -> None:
    assert model.k == 3
    assert [(p.segment_id, p.people) for p in model.personas] == [
        ("persona-1", 60),
        ("persona-2", 150),
        ("persona-3", 90),
    ]
    assigned = {row.person_id: row for row in personas.assign(model, shoppers(spark)).collect()}
    assert len(assigned) == 300
    expected = {"kind0": "persona-1", "kind2": "persona-2", "kind1": "persona-3"}
    assert {(person.split("-")[0], row.segment_id) for person, row in assigned.items()} == set(expected.items())
    assert all(row.distance >= 0 for row in assigned.values())


def test_names_say_what_sets_each_apart(model: personas.PersonasModel) -> None:
    rich, meat, rare = model.personas
    assert "spends more" in rich.name or "buys more" in rich.name
    assert meat.name.startswith("more meat")
    assert "bought longer ago" in rare.name or "spends less" in rare.name
    assert "20.0%" in rich.description
    assert len({p.name for p in model.personas}) == 3
    # spend and lines say the same: a name has one of them.
    assert not any("spend" in p.name and "lines" in p.name for p in model.personas)


def test_the_order_and_partitions_of_people_change_nothing(spark: SparkSession, model: personas.PersonasModel) -> None:
    features = shoppers(spark)
    backwards = features.orderBy(F.desc("spend")).repartition(5)
    assert backwards.rdd.getNumPartitions() == 5 and backwards.first() != features.first()
    assert personas.fit(backwards, PARAMS) == model, "to the last digit"


def test_former_personas_are_carried_on(spark: SparkSession, model: personas.PersonasModel) -> None:
    """The same people and what they were in: the centres stay where they are, whatever is tried besides."""
    features = shoppers(spark)
    again = personas.fit(features, replace(PARAMS, k_max=2), personas.assign(model, features))
    assert [(trial.algorithm, trial.k) for trial in again.trials] == [("carried_on", 3), ("kmeans", 2)]
    assert (again.clustering.algorithm, again.k) == ("carried_on", 3)
    np.testing.assert_allclose(again.clustering.centres, model.clustering.centres, atol=1e-6)


def test_survives_json(spark: SparkSession, model: personas.PersonasModel) -> None:
    again = personas.from_values(json.loads(json.dumps(personas.as_values(model))))
    assert again == model
    assert personas.assign(again, shoppers(spark)).collect() == personas.assign(model, shoppers(spark)).collect()


def test_keeps_every_trial(model: personas.PersonasModel) -> None:
    assert [trial.k for trial in model.trials] == [2, 3, 4]
    best = max(model.trials, key=lambda t: t.silhouette if t.smallest_share >= 0.1 else -1)
    assert best.k == model.k
    assert best.smallest_share == pytest.approx(0.2)


def test_a_small_cluster_never_wins(spark: SparkSession) -> None:
    """Six odd people make the best silhouette at k = 3, and are under the least share."""
    features = shoppers(spark, sizes=(150, 0, 150))
    odd = shoppers(spark, sizes=(0, 6, 0), seed=2)
    model = personas.fit(features.union(odd), replace(PARAMS, min_share=0.05))
    assert model.k == 2


@pytest.mark.parametrize(("sizes", "min_share", "k"), [((150, 6, 150), 0.05, 2), ((15, 1, 0), 0.1, 1)])
def test_fewer_where_no_k_leaves_everyone_a_share(
    spark: SparkSession, sizes: tuple[int, int, int], min_share: float, k: int
) -> None:
    features = shoppers(spark, sizes)
    model = personas.fit(features, replace(PARAMS, k_min=3, min_share=min_share))
    assert model.k == len(model.personas) == k
    assert min(persona.share for persona in model.personas) >= min_share
    assert [trial.k for trial in model.trials] == [3, 4, 2, 1][: 5 - k]
    assigned = personas.assign(model, features).collect()
    assert len(assigned) == sum(sizes)
    assert {row.segment_id for row in assigned} == {persona.segment_id for persona in model.personas}


def test_space_is_standardised_and_leaves_out_constants(spark: SparkSession) -> None:
    features = shoppers(spark)
    space = persona_space.learn(features, COLUMNS, winsor=0.99, variance=0.9, scaling="standard")
    assert space.columns == COLUMNS[:4]
    x = np.array([row.x for row in features.select(persona_space.scaled(space).alias("x")).collect()])
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(x.std(axis=0, ddof=1), 1, atol=1e-9)
    # Principal axes by SVD, computed apart.
    _, sizes, axes = np.linalg.svd(x, full_matrices=False)
    explained = np.cumsum(sizes**2) / (sizes**2).sum()
    assert len(space.axes) == int(np.searchsorted(explained, 0.9)) + 1
    np.testing.assert_allclose(np.abs(np.array(space.axes)), np.abs(axes[: len(space.axes)]), atol=1e-6)
    turned = {row.person_id: row.components for row in persona_space.turned(space, features).collect()}
    ids = [row.person_id for row in features.collect()]
    np.testing.assert_allclose([turned[i] for i in ids], x @ np.array(space.axes).T, atol=1e-9)


def test_an_outlier_is_cut(spark: SparkSession) -> None:
    features = shoppers(spark)
    odd = spark.createDataFrame([("odd", 2.0, 5e9, 900.0, 0.1, 1.0)], features.schema)
    space = persona_space.learn(features.union(odd), COLUMNS, winsor=0.99, variance=0.9)
    assert space.caps[1] < 10_000


@pytest.mark.parametrize("bad", [None, float("nan"), -1.0, float("inf")])
def test_refuses_features_it_cannot_use(spark: SparkSession, bad: float | None) -> None:
    features = shoppers(spark, sizes=(5, 5, 5))
    odd = spark.createDataFrame([("odd", 2.0, bad, 900.0, 0.1, 1.0)], features.schema)
    with pytest.raises(SpaceError, match="spend in 1 rows; of 16 rows"):
        personas.fit(features.union(odd), PARAMS)


def test_refuses_what_it_cannot_order_or_assign(spark: SparkSession, model: personas.PersonasModel) -> None:
    features = shoppers(spark, sizes=(5, 5, 5))
    with pytest.raises(PersonasError, match='order_by is "speed"'):
        personas.fit(features, replace(PARAMS, order_by="speed"))
    assert personas.fit(features, replace(PARAMS, k_min=3, k_max=3, order_by="constant")).k == 3, "then by their number"
    with pytest.raises(PersonasError, match="k_min is 1"):
        personas.fit(features, replace(PARAMS, k_min=1))
    with pytest.raises(PersonasError, match='algorithms are "kmeans,dbscan": wanted some of kmeans, bisecting'):
        personas.fit(features, replace(PARAMS, algorithms="kmeans,dbscan"))
    with pytest.raises(PersonasError, match='scaling is "log"'):
        personas.fit(features, replace(PARAMS, scaling="log"))
    with pytest.raises(PersonasError, match="resamples is 0"):
        personas.fit(features, replace(PARAMS, resamples=0))
    with pytest.raises(PersonasError, match="min_share is 5"):
        personas.fit(features, replace(PARAMS, min_share=5))
    with pytest.raises(PersonasError, match="lack spend"):
        personas.assign(model, features.drop("spend"))
    with pytest.raises(TooLittleData, match="no rows"):
        personas.fit(features.where("false"), PARAMS)
    with pytest.raises(TooLittleData, match="no feature varies"):
        personas.fit(features.where("person_id = 'kind0-0'"), PARAMS)


def test_two_alike_get_a_longer_name() -> None:
    one = {"spend": 2.0, "category:MEAT": 1.0, "recency_days": 0.5}
    two = {"spend": 1.9, "category:MEAT": 1.1, "recency_days": -0.5}
    plain = {"spend": 0.0, "category:MEAT": 0.1, "recency_days": 0.0}
    apart = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    described = persona_names.described([one, two, plain, plain], [1, 1, 1, 1], apart)
    assert [persona.name for persona in described] == [
        "spends more, more meat, bought longer ago",
        "spends more, more meat, bought more recently",
        "average (1)",
        "average (2)",
    ]


def test_a_brand_is_called_one() -> None:
    """Seen: "more Private" for the brand Private."""
    deviations = {"brand:Private": 2.0, "brand:O_BRIEN": -1.0}
    (persona,) = persona_names.described([deviations], [1], [[1.0, 0.0], [0.0, 1.0]])
    assert persona.name == "more of the brand Private, less of the brand O BRIEN"

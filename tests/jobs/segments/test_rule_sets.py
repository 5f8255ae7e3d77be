"""A changed file of rules: let through, stopped where it moves too many, tried on some people first, taken back."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F
from typer.testing import CliRunner

from expectations.contract import committed_contract
from expectations.schemas import TABLES
from jobs.champions import tracking
from jobs.commands.app import app
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.segment_rules.definitions import segments_of
from jobs.segment_rules.vocabulary import Vocabulary, event_fields
from jobs.segments import explain, rule_sets
from jobs.segments.canary import RuleSets
from models import registry
from models.registry import Origin
from tests.jobs.segment_rules.histories import DAY, HOUR, NOW
from tests.jobs.segments.shop import Memberships, Shop, bought, moment
from tests.other_lake import changed

NONE_LEARNED = {"prefix": "none."}
PEOPLE = [f"p{number}" for number in range(40)]


def rules(lately: int = 3, least: int = 0) -> dict[str, dict[str, str]]:
    """Who bought in the last so many days; and who did so and bought more than so often."""
    of_each = {
        "lately": f'any("purchase", within="{lately}d")',
        "keen": f'member("lately") and count("purchase") > {least}',
    }
    return {
        name: {"title": name, "purpose": "marketing", "owner": "crm", "rule": rule} for name, rule in of_each.items()
    }


class ChangingShop(Shop):
    """A shop whose file of rules is written anew. p0 bought today, p1 yesterday, and so on."""

    def __init__(self, lake: Lake, folder: Path, mlflow: Mapping[str, str] = NONE_LEARNED, **limits: float) -> None:
        self.file = folder / "rules.toml"
        own = {"file": str(self.file), "free_moves": 3, "max_movement": 0.5, **limits}
        super().__init__(changed(lake, mlflow=dict(mlflow), segments=own))
        self.says(rules())
        self.arrive({person: [bought(NOW - HOUR - number * DAY)] for number, person in enumerate(PEOPLE)}, NOW)

    def says(self, told: dict[str, dict[str, str]]) -> None:
        parts = [
            f"[{name}]\n" + "\n".join(f"{key} = '{value}'" for key, value in one.items()) for name, one in told.items()
        ]
        self.file.write_text("\n".join(parts))

    def states(self) -> list[tuple[str, str]]:
        return [(one.state, one.reason) for one in rule_sets.decisions(self.lake)]


def within(days: int) -> Memberships:
    """Whoever bought in the last days is lately, and keen, having bought more than 0 times."""
    return {(person, name) for person in PEOPLE[:days] for name in ("lately", "keen")}


def test_other_rules_are_let_through_stopped_promoted_and_taken_back(lake: Lake, tmp_path: Path) -> None:
    shop = ChangingShop(lake, tmp_path)
    shop.run(NOW)
    assert shop.memberships() == within(3) and shop.states() == [("in_force", "first")]

    shop.says(rules(lately=5))
    shop.run(NOW + 1)
    assert shop.memberships() == within(5), "2 of 5 enter: let through"
    shop.says(rules(lately=30))
    shop.run(NOW + 2)
    assert rule_sets.settle(shop.lake, moment(NOW + 2)) == rule_sets.current(shop.lake)
    assert shop.memberships() == within(5), "25 of 30 enter: stopped, once"
    assert shop.states()[1:] == [("in_force", "within the limit"), ("stopped", "too much movement")]
    seen = rule_sets.difference(shop.lake, moment(NOW + 2))
    assert "lakehouse segments promote" in seen.says
    assert [tuple(one) for one in seen.moved] == [("lately", 5, 30, 25, 0), ("keen", 5, 30, 25, 0)]
    assert seen.too_much == ["lately", "keen"]

    rule_sets.promote(shop.lake, moment(NOW + 3))
    shop.run(NOW + 3)
    assert shop.memberships() == within(30)
    assert {row["cause"] for row in shop.changes()} == {"rule"}
    with pytest.raises(OperatorError, match="in force already"):
        rule_sets.promote(shop.lake, moment(NOW + 3))

    rule_sets.roll_back(shop.lake, moment(NOW + 4))
    shop.run(NOW + 4)
    assert rule_sets.settle(shop.lake, moment(NOW + 5)) == rule_sets.current(shop.lake)
    assert shop.memberships() == within(5) == shop.by_changes(), "and the file does not bring it back"
    rule_sets.roll_back(shop.lake, moment(NOW + 6))
    shop.run(NOW + 6)
    assert shop.memberships() == within(3) == shop.by_changes(), "the first again"


def test_a_segment_that_is_taken_out_moves_all_its_people_and_a_new_one_nobody(lake: Lake, tmp_path: Path) -> None:
    shop = ChangingShop(lake, tmp_path)
    told = rules(lately=10)
    shop.says(told)
    shop.run(NOW)
    shop.says({**told, "fresh": {**told["lately"], "rule": 'any("purchase")'}})
    shop.run(NOW + 1)
    assert ("p39", "fresh") in shop.memberships()
    shop.says({"lately": told["lately"]})
    shop.run(NOW + 2)
    assert shop.states()[-1] == ("stopped", "too much movement"), "10 leave keen, 40 leave fresh"


def test_other_rules_are_tried_on_a_share_of_the_people_and_then_in_force(lake: Lake, tmp_path: Path) -> None:
    shop = ChangingShop(lake, tmp_path, canary_share=0.5, canary_hours=2.0, max_movement=1.0)
    shop.run(NOW)
    shop.says(rules(lately=30))
    shop.run(NOW + 1)
    sets = rule_sets.current(shop.lake)
    drawn = {person for person in PEOPLE if sets.of_person(person) is not sets.in_force}
    assert 8 < len(drawn) < 32
    for later in (1, HOUR):
        shop.run(NOW + later)
        assert shop.memberships() == within(3) | {one for one in within(30) if one[0] in drawn}
    assert shop.memberships() == shop.by_changes() and {row["cause"] for row in shop.changes()} == {"rule"}
    shop.run(NOW + 2 * HOUR + 1)
    assert shop.memberships() == within(30) == shop.by_changes()
    assert [state for state, _ in shop.states()] == ["in_force", "canary", "in_force"]
    shop.says(rules(lately=4))
    shop.run(NOW + 3 * HOUR)
    rule_sets.roll_back(shop.lake, moment(NOW + 4 * HOUR))
    shop.run(NOW + 4 * HOUR)
    assert shop.memberships() == within(30), "the canary alone was taken back"
    shop.says(rules(lately=6))
    assert rule_sets.settle(shop.lake, moment(NOW + 5 * HOUR)).canary is not None
    shop.says(rules(lately=30))
    assert rule_sets.settle(shop.lake, moment(NOW + 6 * HOUR)).canary is None, "it is no longer in the file"


def test_a_new_champion_moves_no_more_people_than_other_rules_may(lake: Lake, tmp_path: Path) -> None:
    shop = ChangingShop(lake, tmp_path, own_mlflow(tmp_path))
    few, many = ({f"{name}{number}" for number in range(size)} for name, size in (("cart", 3), ("view", 30)))
    for people, event_type in ((few, "add_to_cart"), (many, "product_view")):
        event = {"event_type": event_type, "at": NOW, "context": {}, "payload": {"item_id": "boot"}}
        shop.arrive({person: [event] for person in sorted(people)}, NOW)
    likely = {"title": "Likely", "purpose": "marketing", "owner": "web", "rule": 'score("intent") >= 0.5'}
    shop.says({"likely": likely})
    shop.run(NOW)
    assert shop.memberships() == set(), "nothing was learned yet"

    learned(shop, add_to_cart=5.0, product_view=0.0)
    shop.run(NOW + 1)
    assert shop.memberships() == {(person, "likely") for person in few}
    (row,) = tables.read(shop.lake, "gold.segments").select("version").distinct().collect()
    assert ".intent-1-" in row["version"] and {one["cause"] for one in shop.changes()} == {"model"}

    learned(shop, add_to_cart=0.0, product_view=5.0)
    shop.run(NOW + 2)
    assert shop.states()[-1] == ("stopped", "too much movement")
    assert shop.memberships() == {(person, "likely") for person in few}, "by the model before"
    rule_sets.promote(shop.lake, moment(NOW + 3))
    shop.run(NOW + 3)
    assert shop.memberships() == {(person, "likely") for person in many}
    rule_sets.roll_back(shop.lake, moment(NOW + 4))
    shop.run(NOW + 4)
    assert shop.memberships() == {(person, "likely") for person in few} == shop.by_changes()
    seen = explain.preview(shop.lake, likely["rule"], "marketing", moment(NOW))
    assert (seen.size, seen.overlaps) == (30, {}), "a preview goes by the champion"


def test_a_model_that_is_learned_anew_lets_no_rules_through(lake: Lake, tmp_path: Path) -> None:
    shop = ChangingShop(lake, tmp_path, own_mlflow(tmp_path))
    likely = {"title": "Likely", "purpose": "marketing", "owner": "web", "rule": 'score("intent") >= 0.5'}
    learned(shop, add_to_cart=1.0)
    shop.says({**rules(), "likely": likely})
    shop.run(NOW)
    shop.says({**rules(lately=30), "likely": likely})
    for hour, decide in ((1, None), (2, None), (3, "promote"), (4, "roll back"), (5, None)):
        if decide == "promote":
            rule_sets.promote(shop.lake, moment(NOW + hour * HOUR))
        elif decide == "roll back":
            rule_sets.roll_back(shop.lake, moment(NOW + hour * HOUR))
        else:
            learned(shop, add_to_cart=1.0 + hour)
        shop.run(NOW + hour * HOUR)
        assert shop.memberships() == within(30 if decide == "promote" else 3), hour
    assert [state for state, _ in shop.states()] == ["in_force", "stopped", "in_force", "rolled_back", "in_force"]


def test_a_model_that_is_learned_anew_waits_until_a_canary_is_decided(lake: Lake, tmp_path: Path) -> None:
    limits = {"canary_share": 0.5, "canary_hours": 2.0, "max_movement": 1.0}
    shop = ChangingShop(lake, tmp_path, own_mlflow(tmp_path), **limits)
    likely = {"title": "Likely", "purpose": "marketing", "owner": "web", "rule": 'score("intent") >= 0.5'}
    for hour, lately, states in ((0, 3, ["in_force"]), (1, 4, ["canary"]), (2, 4, []), (4, 4, ["in_force"])):
        learned(shop, add_to_cart=1.0 + hour)
        shop.says({**rules(lately=lately), "likely": likely})
        before = shop.states()
        rule_sets.settle(shop.lake, moment(NOW + hour * HOUR))
        assert [state for state, _ in shop.states()[len(before) :]] == states, hour
    in_force = rule_sets.current(shop.lake).in_force["likely"]
    assert ".intent-2-" in in_force.version, "that which was tried"
    rule_sets.settle(shop.lake, moment(NOW + 5 * HOUR))
    assert shop.states()[-1][0] == "canary", "and now the newest"


def own_mlflow(folder: Path) -> dict[str, str]:
    return {"tracking_uri": f"sqlite:///{folder}/mlflow.db", "artifacts": f"{folder}/artifacts"}


def learned(shop: Shop, **weights: float) -> None:
    """A champion in MLflow by which one step of a kind makes a purchase likely or not."""
    where = tracking.registry_of(shop.lake.settings)
    with registry.started(where, "intent", {}, Origin({}, "-", "", "")) as run:
        manifest = {"intercept": -2.0, "weights": {**weights, "minutes": 0.0}}
        version = registry.register(run, "intent", manifest)
    registry.set_alias(where, "intent", registry.CHAMPION, version.version)


def test_rules_in_force_that_cannot_be_read_any_more_are_named_with_the_way_out(lake: Lake, tmp_path: Path) -> None:
    shop = ChangingShop(lake, tmp_path)
    rule_sets.settle(shop.lake, moment(NOW))
    stored = rule_sets.decisions(shop.lake)[-1]
    gone = stored._replace(decided_at=moment(NOW + 1), rules=stored.rules.replace("purchase", "purchase_2"))
    frame = lake.spark.createDataFrame([gone], TABLES[rule_sets.TABLE].ddl)
    tables.append(shop.lake, rule_sets.TABLE, frame)
    with pytest.raises(OperatorError, match="segment keen, line 1.*purchase_2.*lakehouse segments promote"):
        rule_sets.current(shop.lake)
    shop.says(rules(lately=4))
    rule_sets.promote(shop.lake, moment(NOW + 2))
    assert {*rule_sets.current(shop.lake).in_force} == {"lately", "keen"}


def test_spark_and_python_draw_the_same_people(lake: Lake) -> None:
    vocabulary = Vocabulary(event_fields(committed_contract()))
    sets = RuleSets(segments_of(rules(), vocabulary), segments_of(rules(5), vocabulary), 0.2, "draw")
    draw = random.Random(1)
    people = ["".join(draw.choices("abc:äß漢-01", k=draw.randint(1, 12))) for _ in range(1_000)]
    frame = lake.spark.createDataFrame([(one,) for one in people], "person_id string")
    rows = frame.where(sets.judges(F.col("person_id"), F.lit("lately@canary"))).collect()
    drawn = [one for one in people if sets.of_person(one)["lately"].name == "lately@canary"]
    assert sorted(row["person_id"] for row in rows) == sorted(drawn) and 120 < len(drawn) < 280


def test_as_it_is_typed(lake: Lake, tmp_path: Path, lake_in_session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = ChangingShop(lake, tmp_path)
    for name, value in {"FILE": str(shop.file), "FREE_MOVES": "3"}.items():
        monkeypatch.setenv(f"LAKEHOUSE_SEGMENTS__{name}", value)
    monkeypatch.setenv("LAKEHOUSE_MLFLOW__PREFIX", "none.")
    shop.run(NOW)
    shop.says(rules(lately=30))
    at = ["--as-of", moment(NOW + 1).isoformat()]

    def typed(*words: str) -> str:
        answer = CliRunner().invoke(app, ["segments", *words])
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    assert "27" in typed("diff", *at) and json.loads(typed("diff", "--json", *at))["too_much"] == ["lately", "keen"]
    typed("promote", *at)
    assert shop.memberships() == within(30)
    typed("rollback", *at)
    assert shop.memberships() == within(3)
    assert [one["state"] for one in json.loads(typed("history", "--json"))][-2:] == ["rolled_back", "in_force"]
    assert "rolled back" in typed("history")

"""gold.segments by several runs, each of which looks at few: the same as if everybody were looked at, whatever comes
between, and whenever a run is killed."""

import random
from pathlib import Path
from typing import Any

import pytest

from jobs.gold import segments as job_segments
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.segments import history, membership, rule_sets
from tests.jobs.segment_rules.histories import DAY, HOUR, NOW, drawn_history
from tests.jobs.segments.shop import Shop, bought
from tests.other_lake import changed


@pytest.fixture
def shop(lake: Lake) -> Shop:
    """No personas: those that another test trains are not asked for."""
    return Shop(changed(lake, mlflow={"prefix": "none."}))


@pytest.mark.parametrize(
    "before",
    [
        pytest.param((history, "_merge"), id="changes are written, memberships are not"),
        pytest.param((job_segments, "note"), id="all is written but that it is", marks=pytest.mark.long),
    ],
)
def test_runs_that_look_at_few_come_to_what_looking_at_all_does(
    shop: Shop, before: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of them is killed, and done again."""
    draw = random.Random(3)
    shop.arrive({f"p{n}": drawn_history(draw) for n in range(60)}, NOW)
    shop.run(NOW)
    assert shop.memberships() == shop.expected(NOW) == shop.by_changes() != set()
    assert shop.causes(NOW) == {"rule"}

    looked_at: list[int] = []
    original = membership.people_to_look_at

    def counted(*arguments: Any) -> Any:
        people = original(*arguments)
        looked_at.append(-1 if people is None else people.count())
        return people

    monkeypatch.setattr(membership, "people_to_look_at", counted)
    later = NOW + 3 * DAY + HOUR
    shop.arrive({"p1": drawn_history(draw), "new": [bought(later - DAY)]}, later)
    gone = next(person for person, name in sorted(shop.memberships()) if name == "buyers" and person != "p1")
    shop.refuse(gone, "personalisation", later)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(*before, killed)
        shop.run(later)
    shop.run(later)
    assert shop.memberships() == shop.expected(later) == shop.by_changes()
    assert shop.causes(later) == {"event", "consent", "expiry"}
    assert 3 <= looked_at[-1] < 50, "those of whom there is news, or whose time has come"
    names = tables.read(shop.lake, "gold.segments").select("name", "segment_id").distinct().collect()
    titles = {name: segment.title for name, segment in rule_sets.current(shop.lake).in_force.items()}
    assert {row["segment_id"]: row["name"] for row in names}.items() <= titles.items()


def killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_another_rule_is_for_everybody_and_says_so(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rules(days: int) -> Lake:
        file = tmp_path / f"{days}.toml"
        head = "title = 't'\npurpose = 'marketing'\nowner = 'o'\nrule = "
        bought = {"lately": f'any("purchase", within="{days}d")', "ever": 'any("purchase")'}
        file.write_text("\n".join(f"[{name}]\n{head}'{rule}'" for name, rule in bought.items()))
        return changed(shop.lake, segments={"file": str(file)})

    shop.lake = rules(3)
    shop.arrive({"a": [bought(NOW - DAY)], "b": [bought(NOW - 5 * DAY)]}, NOW)
    shop.run(NOW)
    assert shop.memberships() == {("a", "lately"), ("a", "ever"), ("b", "ever")}
    shop.lake = rules(7)
    shop.run(NOW)
    assert shop.memberships() == {("a", "lately"), ("a", "ever"), ("b", "lately"), ("b", "ever")}
    last = shop.changes()[-1]
    assert (last["person_id"], last["segment_id"], last["kind"], last["cause"]) == ("b", "lately", "enter", "rule")
    assert last["version_before"] != last["version_after"], "by which rule before, and by which now"
    assert {row["source"] for row in tables.read(shop.lake, "gold.segments").collect()} == {"rule"}

"""gold.profiles by several runs, each of which looks at few: the same as if everybody's were made anew, whatever comes
between, and whenever a run is killed; and what was so at any moment stays known, of those who allow it."""

from pathlib import Path
from typing import Any

import pytest

from jobs.gold import profiles
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.profiles import history
from tests.jobs.profiles.shop import DAY, HOUR, START, Chance, Profile, ProfileShop
from tests.other_lake import changed

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(lake: Lake) -> ProfileShop:
    return ProfileShop(lake)


def people_looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many people each run looks at, as it looks; -1: at everybody."""
    counts: list[int] = []
    original = profiles.touched

    def counted(*arguments: Any) -> Any:
        people = original(*arguments)
        counts.append(-1 if people is None else people.count())
        return people

    monkeypatch.setattr(profiles, "touched", counted)
    return counts


@pytest.mark.parametrize("seed", [1, *[pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 8)]])
def test_runs_that_look_at_few_come_to_what_making_all_anew_does(
    shop: ProfileShop, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = people_looked_at(monkeypatch)
    chance = Chance(shop, seed)
    chance.fill(START)
    snapshots: dict[Any, dict[str, Profile]] = {}
    for number in range(4):
        now = START + number * 2 * HOUR
        if number > 0:
            chance.happen(now)
        shop.run(now)
        snapshots[now] = shop.profiles()
        assert snapshots[now] == shop.rebuilt(now, tmp_path / f"{number}"), number
    assert looked_at[0] == -1 and all(count < 12 for count in looked_at[2::2]), looked_at
    refusing = shop.refusing({person for snapshot in snapshots.values() for person in snapshot}, now)
    for at, snapshot in snapshots.items():
        known = {person: profile for person, profile in snapshot.items() if person not in refusing}
        assert shop.at(at) == known, f"what was so at {at}, less who refuses now"


def killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def unread(lake: Lake, name: str, *_: Any) -> None:
    raise AssertionError(f"{name} was read")


def at_overwrite(patch: pytest.MonkeyPatch) -> None:
    """When former versions are written, and what follows them is not."""
    original = tables.overwrite

    def overwrite(lake: Lake, name: str, *rest: Any) -> int:
        return killed() if name == profiles.TABLE else original(lake, name, *rest)

    patch.setattr(tables, "overwrite", overwrite)


def at_note(patch: pytest.MonkeyPatch) -> None:
    """When all is written but that it is."""
    patch.setattr(history, "note", killed)


@pytest.mark.parametrize("kill", [at_overwrite, pytest.param(at_note, marks=pytest.mark.long)])
def test_a_run_that_was_killed_is_taken_back_or_taken_up(
    shop: ProfileShop, kill: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for who in ("1", "2", "3"):
        shop.bought(who, START, ("boot", 10.0))
        shop.say(who, START)
    shop.run(START + DAY)
    before = shop.profiles()
    for who in ("1", "3"):
        shop.bought(who, START + DAY, ("coat", 30.0))
    later = START + 2 * DAY
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        kill(patch)
        shop.run(later)
    shop.say("1", START + 2 * DAY, is_granted=False)
    shop.run(START + 3 * DAY)
    assert set(shop.profiles()) == {"2", "3"} and shop.profiles() == shop.rebuilt(START + 3 * DAY, tmp_path / "again")
    allowing = {who: before[who] for who in ("2", "3")}
    assert shop.at(START + DAY) == allowing, "who withdrew has no history; of the others each version is there once"


def test_where_nothing_is_new_nothing_is_read_and_nothing_written(
    shop: ProfileShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.bought("1", START, ("boot", 10.0))
    shop.say("1", START)
    shop.run(START + DAY)
    versions = [tables.version(shop.lake, name) for name in ("gold.profiles", "gold.profile_history")]
    with monkeypatch.context() as patch:
        patch.setattr(tables, "read", unread)
        shop.run(START + 2 * DAY)
    assert versions == [tables.version(shop.lake, name) for name in ("gold.profiles", "gold.profile_history")]
    looked_at = people_looked_at(monkeypatch)
    shop.lake = changed(shop.lake, profiles={"engagement_days": 30})
    shop.run(START + 2 * DAY)
    assert looked_at == [-1], "another setting is for everybody"
    assert tables.read(shop.lake, "gold.profile_history").isEmpty(), "and where it changes no profile, none begins"
